#include "worker/program/flags.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <tuple>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/base/command_line.hpp"
#include "common/base/limits.hpp"
#include "common/base/token_file.hpp"
#include "common/base/write_text.hpp"
#include "common/core/limits.hpp"
#include "common/wire/limits.hpp"
#include "worker/program/limits.hpp"

namespace tandem {

namespace {

// REQUIRES of addresses that are connected to: a port, and a host that means one machine.
Result<> check_connectable(const Endpoint& endpoint, const char* flag) {
  if (endpoint.port != 0 && !endpoint.is_unspecified()) return {};
  return invalid(fmt::format("{} must be an address that can be connected to, not {}", flag,
                             endpoint.to_string()));
}

Result<> check(const WorkerFlags& flags) {
  if (flags.masters.size() > limits::masters_max) {
    return invalid(fmt::format("--master must be given at most {} times", limits::masters_max));
  }
  for (const auto& master : flags.masters) {
    const auto checked = check_connectable(master, "--master");
    if (!checked.ok()) return checked.error();
  }
  if (flags.target) {
    const auto checked = check_connectable(*flags.target, "--target");
    if (!checked.ok()) return checked.error();
  }
  if (flags.advertise && flags.advertise->port == 0) {
    return invalid("--advertise must have a port above 0");
  }
  if (!flags.token_file.empty()) {
    const auto token = read_token_file(flags.token_file, "--token-file");
    if (!token.ok()) return token.error();
  }
  std::error_code failed;
  if (!flags.serve.empty() && !std::filesystem::is_directory(flags.serve, failed)) {
    return invalid(fmt::format("--serve: {} is no directory", flags.serve));
  }
  return {};
}

// How a target is probed: --check-path is the setting check_path, and so on.
void bind_checks(CLI::App& app, WorkerFlags& flags) {
  for (const auto& [flag, placeholder, help] :
       {std::tuple("--check-path", "PATH", "what a target is asked for [/health]"),
        std::tuple("--check-interval", "DURATION", "how often a target is asked [1s]"),
        std::tuple("--check-timeout", "DURATION", "how long it has for an answer [1s]"),
        std::tuple("--check-unhealthy", "NUMBER",
                   "bad answers in a row until a target is failing [3]"),
        std::tuple("--check-healthy", "NUMBER", "good answers in a row until it is up [1]"),
        std::tuple("--check-status", "STATUSES",
                   "statuses that are good, 200-299,401 [below 500]")}) {
    std::string key = std::string(flag).substr(2);
    std::replace(key.begin(), key.end(), '-', '_');
    bind_value(app, flag, placeholder, help,
               [&flags, key](std::string_view text, std::string_view name) {
                 return wire::parse_setting(fmt::format("{}={}", key, text), name, flags.checks);
               })
        ->needs("--target");
  }
}

}  // namespace

WorkerFlags::WorkerFlags() : drain_timeout(limits::drain_max) {}

std::vector<std::string> WorkerFlags::master_addresses() const {
  std::vector<std::string> addresses;
  for (const auto& master : masters) addresses.push_back(master.to_string());
  return addresses;
}

std::optional<int> read_flags(int argc, const char* const* argv, WorkerFlags& flags) {
  CLI::App app(
      "Serves in a Tandem cluster: a demo, a directory, or for a service that runs elsewhere.",
      "tandem-worker");
  bind_name(app, "--name", "unique in the cluster; by default the machine's name and the port",
            flags.name);
  bind_name(app, "--service", "workers of one service are interchangeable", flags.service);
  bind_endpoints(app, "--master", "control address of a master, once for each [127.0.0.1:7070]",
                 flags.masters);
  auto* listen =
      bind_endpoint(app, "--listen", "where to serve; port 0: the kernel chooses", flags.listen);
  auto* serve = bind_text(app, "--serve", "DIR", "serve the files of this directory", flags.serve);
  bind_switch(app, "--dotfiles", "with --serve: files whose names begin with a dot, too",
              flags.dotfiles)
      ->needs(serve);
  bind_endpoint(app, "--target", "register a service that runs there, and probe it", flags.target)
      ->excludes(listen)
      ->excludes(serve);
  bind_text(app, "--state-dir", "DIR", "a directory of this worker's own", flags.state_dir);
  bind_endpoint(app, "--witness-listen",
                "where masters reach the witness [the host of --listen; a port that is remembered]",
                flags.witness_listen);
  bind_endpoint(app, "--advertise", "where masters reach it, when that is not --listen",
                flags.advertise);
  bind_number(app, "--weight", "share of the traffic relative to other workers", flags.weight,
              {0, limits::weight_max});
  const auto* connections =
      bind_number(app, "--connections", "connections that masters may open [64; a target: 256]",
                  flags.connections, {1, limits::worker_connections_max});
  bind_checks(app, flags);
  bind_duration(app, "--drain-timeout", "requests that take longer are cut off when stopping",
                flags.drain_timeout, {0s, 1h});
  bind_text(app, "--token-file", "FILE", "holds the token that the masters want", flags.token_file);
  bind_log_level(app, flags.log_level);
  if (const auto status = parse_command_line(app, argc, argv)) return status;
  if (flags.target && connections->count() == 0) flags.connections = limits::target_connections;
  if (flags.masters.empty()) flags.masters.push_back({"127.0.0.1", 7070});
  const auto checked = check(flags);
  if (checked.ok()) return std::nullopt;
  write_text(stderr, fmt::format("tandem-worker: {}\n", checked.error().message));
  return 2;
}

}  // namespace tandem
