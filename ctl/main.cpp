// tandem: looks at a cluster and changes it, through the control API of any of its masters.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/base/command_line.hpp"
#include "common/base/process_setup.hpp"
#include "common/base/printable.hpp"
#include "common/base/token_file.hpp"
#include "common/base/write_text.hpp"
#include "common/tls/flags.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/service_settings.hpp"
#include "ctl/bound_command.hpp"
#include "ctl/ca.hpp"
#include "ctl/commands.hpp"
#include "ctl/completion.hpp"
#include "ctl/configuration.hpp"
#include "ctl/settings.hpp"
#include "ctl/snapshot.hpp"
#include "ctl/draining.hpp"
#include "ctl/events.hpp"
#include "ctl/masters.hpp"
#include "ctl/names.hpp"
#include "ctl/routing.hpp"
#include "ctl/services.hpp"
#include "ctl/settling.hpp"
#include "ctl/terminal.hpp"
#include "ctl/token.hpp"
#include "ctl/top.hpp"
#include "ctl/upgrade.hpp"

namespace {

using namespace tandem;
using ctl::add_command;

constexpr Duration longest_timeout = 24h;

struct Flags {
  std::vector<Endpoint> controls;
  std::string token_file;
  tls::ClusterFiles cluster;
  bool insecure_network = false;
  bool json = false;
  std::string worker;
  std::string successor;
  bool check = false;
  bool wait = false;
  bool now = false;
  Duration timeout = limits::drained_wait_max;
  CLI::App* status = nullptr;
  CLI::App* workers = nullptr;
  CLI::App* drain = nullptr;
  CLI::App* undrain = nullptr;
  CLI::App* remove = nullptr;
  CLI::App* switchover = nullptr;
  CLI::App* master_add = nullptr;
  CLI::App* master_remove = nullptr;
  CLI::App* master_replace = nullptr;
  CLI::App* master_list = nullptr;
  std::string master;
  std::string old_master;
  Endpoint address;
  CLI::App* top = nullptr;
  Duration interval = 1s;
  CLI::App* events = nullptr;
  std::string since;
  bool follow = false;
  CLI::App* snapshot_save = nullptr;
  std::string snapshot_file;
  CLI::App* token_new = nullptr;
  CLI::App* token_entry = nullptr;
  access::EntryText entry;
  std::string token_out;
  ctl::CaFlags ca;
  ctl::BoundCommands commands;
  CLI::App* completion = nullptr;
  std::string shell;
};

void add_master_commands(CLI::App& app, Flags& flags) {
  auto& master = *add_command(app, "master", "list, add, remove and replace masters");
  flags.master_list =
      add_command(master, "list", "list the masters, and what they wait for until they vote");
  flags.master_add = add_command(master, "add", "let a master join that is started with --join");
  flags.master_remove =
      add_command(master, "remove", "remove a master from the cluster; stop it afterwards");
  flags.master_replace =
      add_command(master, "replace", "replace a master by another one, on another machine");
  bind_name(*flags.master_replace, "OLD", "the master to be replaced", flags.old_master)
      ->required();
  for (auto* command : {flags.master_add, flags.master_replace, flags.master_remove}) {
    bind_name(*command, "NAME", "the master", flags.master)->required();
    if (command == flags.master_remove) continue;
    bind_value(*command, "ADDRESS", "", "its control address, HOST:PORT",
               [&flags](std::string_view text, std::string_view) -> Result<> {
                 auto address = parse_endpoint(text, "ADDRESS");
                 if (!address) return address.error();
                 flags.address = std::move(*address);
                 return {};
               })
        ->required();
  }
  for (auto* command : {flags.master_replace, flags.master_remove}) {
    bind_duration(*command, "--timeout", "how long to wait; the change continues afterwards",
                  flags.timeout, {Duration::zero(), longest_timeout});
  }
  master.require_subcommand(1);
}

// The scope of a worker, each checked when the entry is written.
void bind_scope(CLI::App& command, access::EntryText& entry) {
  for (auto [flag, placeholder, help, items] :
       {std::tuple("--worker", "NAME",
                   "role worker: a name that it may have; repeatable; shop-*: all that begin so "
                   "[--name]",
                   &entry.names),
        std::tuple("--service", "NAME",
                   "role worker: a service that it may belong to; repeatable; *: any [default]",
                   &entry.services),
        std::tuple("--address", "ADDRESS[/BITS]",
                   "role worker: where it may be; repeatable [the address that it calls from]",
                   &entry.addresses)}) {
    bind_each(command, flag, placeholder, help,
              [items](std::string_view text, std::string_view) -> Result<> {
                items->emplace_back(text);
                return {};
              });
  }
  bind_switch(command, "--witness", "role worker: it may vote", entry.witness);
}

void add_token_commands(CLI::App& app, Flags& flags) {
  auto& token = *add_command(app, "token", "make tokens for people, workers and masters");
  token.require_subcommand(1);
  flags.token_new = add_command(
      token, "new", "print a new token, and its entry for the --tokens-file of the masters");
  bind_text(*flags.token_new, "--out", "FILE",
            "a file for the token, which must not exist; then only the entry is printed",
            flags.token_out);
  flags.token_entry = add_command(
      token, "entry", "print the entry of the token in --token-file, which is in use already");
  for (auto* command : {flags.token_new, flags.token_entry}) {
    bind_value(
        *command, "--role", "viewer|operator|master|worker|all",
        "what it allows: GET; changes; to be a master; to be a worker; everything",
        [&flags](std::string_view text, std::string_view flag) -> Result<> {
          const auto role = access::role_of(text);
          if (!role) {
            return invalid(fmt::format("{} must be viewer, operator, master, worker or all", flag));
          }
          flags.entry.role = *role;
          return {};
        })
        ->required();
    bind_name(*command, "--name", "whose it is; of a master the name of its node", flags.entry.name)
        ->required();
    bind_scope(*command, flags.entry);
    bind_text(*command, "--until", "DATE",
              "its last day, such as 2027-01-31; by default it does "
              "not expire",
              flags.entry.until);
  }
}

void add_commands(CLI::App& app, Flags& flags) {
  flags.status = add_command(app, "status", "show the cluster as a master sees it");
  bind_switch(*flags.status, "--check", "print one line, for monitoring", flags.check);
  flags.workers = add_command(app, "workers", "list the workers and their states");
  flags.drain =
      add_command(app, "drain", "send a worker no new requests; it finishes those in flight");
  flags.undrain = add_command(app, "undrain", "send requests to a drained worker again");
  flags.remove = add_command(
      app, "remove",
      "drain a worker, wait for its last request in flight, and remove it from the cluster");
  flags.switchover = add_command(app, "switchover",
                                 "hand the leadership over to a standby, without a failed request");
  bind_name(*flags.switchover, "--to", "the master that is to lead; by default the primary chooses",
            flags.successor);
  bind_name(*flags.drain, "NAME", "the worker", flags.worker)->required();
  bind_name(*flags.undrain, "NAME", "the worker", flags.worker)->required();
  bind_name(*flags.remove, "NAME", "the worker", flags.worker)->required();
  bind_switch(*flags.drain, "--wait", "return when the last request in flight has ended",
              flags.wait);
  bind_switch(*flags.undrain, "--wait", "return when it is up", flags.wait);
  bind_switch(*flags.switchover, "--wait", "return when a standby is in sync again", flags.wait);
  bind_switch(*flags.remove, "--now", "do not wait for requests in flight", flags.now);
  for (auto* command : {flags.drain, flags.remove, flags.undrain, flags.switchover}) {
    bind_duration(*command, "--timeout", "how long to wait; what was changed stays changed",
                  flags.timeout, {Duration::zero(), longest_timeout});
  }
  flags.top =
      add_command(app, "top",
                  "show the cluster again and again at a terminal, with keys: q quit, s sort, "
                  "r reverse, p pause; once into a pipe");
  bind_duration(*flags.top, "--interval", "how often", flags.interval, {100ms, 1h});
  flags.events = add_command(app, "events", "show what happened lately, the newest last");
  bind_text(*flags.events, "--since", "ID", "only what came after that event", flags.since);
  bind_switch(*flags.events, "--follow", "go on with each event as it comes, also over a takeover",
              flags.follow);
  auto* snapshot = add_command(app, "snapshot", "save the replicated state to a file");
  snapshot->require_subcommand(1);
  flags.snapshot_save = add_command(
      *snapshot, "save", "write a file from which tandem-master --restore founds a new cluster");
  bind_text(*flags.snapshot_save, "FILE", "FILE", "the file; -: standard output",
            flags.snapshot_file)
      ->required();
  auto* service = add_command(app, "service", "list services; show, set and unset their settings");
  service->require_subcommand(1);
  service->footer(wire::settings_help());
  ctl::add_service_commands(*service, flags.commands);
  ctl::add_routing_commands(app, flags.commands);
  ctl::add_configuration_commands(app, flags.commands);
  ctl::add_upgrade_command(app, flags.commands);
  ctl::add_names_command(app, flags.commands);
  flags.completion =
      add_command(app, "completion", "print a script that completes commands in a shell");
  bind_value(*flags.completion, "SHELL", "", "bash or zsh",
             [&flags](std::string_view text, std::string_view) -> Result<> {
               if (text != "bash" && text != "zsh") return invalid("SHELL must be bash or zsh");
               flags.shell = text;
               return {};
             })
      ->required();
  add_master_commands(app, flags);
  add_token_commands(app, flags);
  ctl::add_ca_commands(app, flags.ca);
  app.require_subcommand(1);
}

// $TANDEM_CONTROL, addresses separated by commas, when no flag says where the masters are.
Result<> complete(std::vector<Endpoint>& controls) {
  if (!controls.empty()) return {};
  const char* variable = std::getenv("TANDEM_CONTROL");
  std::istringstream addresses(variable == nullptr ? "" : variable);
  for (std::string address; std::getline(addresses, address, ',');) {
    auto control = parse_endpoint(address, "TANDEM_CONTROL");
    if (!control.ok()) return control.error();
    controls.push_back(std::move(*control));
  }
  if (controls.empty()) controls.push_back({"127.0.0.1", 7070});
  return {};
}

// The text to print, and the exit status.
struct Outcome {
  std::string text;
  int status = 0;
};

Result<Outcome> show_status(const Flags& flags, const ctl::ControlClient& client,
                            ctl::Format format) {
  const auto shown = ctl::show_status(client, format, flags.check);
  if (!shown.ok()) return shown.error();
  switch (shown->health) {
    case ctl::Health::well: return Outcome{shown->text, 0};
    case ctl::Health::degraded: return Outcome{shown->text, 3};
    case ctl::Health::no_service:
    case ctl::Health::no_primary: return Outcome{shown->text, 4};
  }
  return Outcome{shown->text, 1};
}

ctl::Waiting waiting_of(const Flags& flags) {
  ctl::Waiting waiting{.timeout = flags.timeout, .progress = {}};
  if (flags.json) return waiting;
  waiting.progress = [](const std::string& line) {
    write_text(stderr, fmt::format("tandem: {}\n", printable(line)));
  };
  return waiting;
}

Result<std::string> run(const Flags& flags, const ctl::ControlClient& client, ctl::Format format) {
  if (flags.workers->parsed()) return ctl::show_workers(client, format);
  const auto waiting = waiting_of(flags);
  if (flags.drain->parsed()) {
    return flags.wait ? ctl::drain_and_wait(client, flags.worker, waiting, format)
                      : ctl::drain(client, flags.worker, format);
  }
  if (flags.remove->parsed()) {
    return flags.now ? ctl::remove_now(client, flags.worker, format)
                     : ctl::remove(client, flags.worker, waiting, format);
  }
  if (flags.undrain->parsed()) {
    return flags.wait ? ctl::undrain_and_wait(client, flags.worker, waiting, format)
                      : ctl::undrain(client, flags.worker, format);
  }
  if (flags.master_list->parsed()) return ctl::show_masters(client, format);
  if (flags.master_add->parsed()) {
    return ctl::add_master(client, flags.master, flags.address, format);
  }
  if (flags.master_remove->parsed()) {
    return ctl::remove_master(client, flags.master, waiting, format);
  }
  if (flags.master_replace->parsed()) {
    return ctl::replace_master(client, flags.old_master, flags.master, flags.address, waiting,
                               format);
  }
  if (flags.events->parsed()) {
    if (!flags.follow) return ctl::show_events(client, flags.since, format);
    const auto print = [](const std::string& lines) {
      return write_text(stdout, lines) && std::fflush(stdout) == 0;
    };
    const auto followed = ctl::follow_events(client, flags.since, format, print);
    return followed ? Result<std::string>(std::string()) : followed.error();
  }
  if (flags.snapshot_save->parsed()) return ctl::save_snapshot(client, flags.snapshot_file);
  TANDEM_ASSERT(flags.switchover->parsed());
  return flags.wait ? ctl::switch_over_and_wait(client, flags.successor, waiting, format)
                    : ctl::switch_over(client, flags.successor, format);
}

// The terminal is the program's, or the text is for a pipe.
Result<std::string> show_top(const Flags& flags, const std::string& token,
                             const tls::CurrentCredentialsPtr& credentials) {
  const ctl::TopOptions options{
      .masters = flags.controls,
      .client_for =
          [&](const Endpoint& master) { return ctl::ControlClient({master}, token, credentials); },
      .interval = flags.interval};
  if (!ctl::Terminal::is_there()) return ctl::top_once(options);
  const auto shown = ctl::top(options);
  return shown ? Result<std::string>(std::string()) : shown.error();
}

// Without any master. The token of --token-file may be one that is to be made known.
Result<std::string> make_secret(const Flags& flags, const std::string& token, ctl::Format format) {
  if (ctl::is_ca_command(flags.ca)) return ctl::run_ca(flags.ca, format);
  if (flags.token_new->parsed()) return ctl::new_token(flags.entry, flags.token_out, format);
  if (token.empty()) return invalid("tandem token entry needs --token-file FILE");
  return ctl::token_entry(flags.entry, token, format);
}

// A token goes in clear text to no other machine.
Result<> check_clear_text(const Flags& flags) {
  for (const auto& control : flags.controls) {
    auto clear = tls::check_clear_text(tls::clear_text(flags.insecure_network), control,
                                       "--control " + control.to_string(), "--control");
    if (!clear) return clear;
  }
  return {};
}

int failed(const Error& error, int status) {
  write_text(stderr, fmt::format("tandem: {}\n", printable(error.message)));
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  set_up_process();
  Flags flags;
  CLI::App app("Looks at a Tandem cluster and changes it.", "tandem");
  bind_endpoints(app, "--control",
                 "control address of a master; several are tried in turn [$TANDEM_CONTROL, or "
                 "127.0.0.1:7070]",
                 flags.controls);
  bind_text(app, "--token-file", "FILE", "file with your token, if the masters ask for one",
            flags.token_file);
  tls::bind_cluster_files(app, flags.cluster);
  tls::bind_insecure_network(app, flags.insecure_network);
  bind_switch(app, "--json", "print documents for scripts instead of tables", flags.json);
  add_commands(app, flags);
  if (const auto status = parse_command_line(app, argc, argv)) return *status;
  if (flags.completion->parsed()) {
    const auto script =
        flags.shell == "bash" ? ctl::bash_completion(app) : ctl::zsh_completion(app);
    return write_text(stdout, script) ? 0 : 1;
  }
  const auto* bound = ctl::given(flags.commands);
  const auto completed = complete(flags.controls);
  if (!completed.ok()) return failed(completed.error(), 2);

  std::string token;
  if (!flags.token_file.empty()) {
    auto read = read_token_file(flags.token_file, "--token-file");
    if (!read.ok()) return failed(read.error(), 2);
    token = std::move(*read);
  }
  const auto credentials = tls::load_if_given(flags.cluster);
  if (!credentials) return failed(credentials.error(), 2);
  const bool asks_nobody =
      flags.token_new->parsed() || flags.token_entry->parsed() || ctl::is_ca_command(flags.ca);
  if (!asks_nobody && !token.empty() && *credentials == nullptr) {
    if (const auto clear = check_clear_text(flags); !clear) return failed(clear.error(), 2);
  }
  const ctl::ControlClient client(flags.controls, token, *credentials);
  const auto format = flags.json ? ctl::Format::json : ctl::Format::tables;
  const ctl::Masters masters{flags.controls, token, *credentials};
  Outcome outcome;
  if (flags.status->parsed()) {
    auto shown = show_status(flags, client, format);
    if (!shown.ok()) return failed(shown.error(), 1);
    outcome = std::move(*shown);
  } else if (asks_nobody) {
    auto text = make_secret(flags, token, format);
    if (!text.ok()) return failed(text.error(), text.error().code == ErrorCode::io ? 1 : 2);
    outcome.text = std::move(*text);
  } else if (bound != nullptr) {
    auto text = bound->at_each ? ctl::run_at_each(*bound, masters, waiting_of(flags), format)
                               : bound->run(client, waiting_of(flags), format);
    if (!text.ok()) return failed(text.error(), 1);
    outcome.text = std::move(*text);
  } else {
    auto text =
        flags.top->parsed() ? show_top(flags, token, *credentials) : run(flags, client, format);
    if (!text.ok()) return failed(text.error(), 1);
    outcome.text = std::move(*text);
  }
  const auto& text = outcome.text;
  if (text.empty()) return outcome.status;  // all has been said
  if (write_text(stdout, fmt::format("{}{}", text, text.ends_with('\n') ? "" : "\n")))
    return outcome.status;
  return failed(fail(ErrorCode::io, fmt::format("the standard output: {}", std::strerror(errno))),
                1);
}
