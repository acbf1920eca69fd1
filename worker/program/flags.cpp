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
#include "common/core/limits.hpp"
#include "common/tls/flags.hpp"
#include "common/wire/limits.hpp"
#include "worker/program/limits.hpp"

namespace tandem {

namespace {

// Addresses that are connected to need a port, and a host that means one machine.
Result<> check_connectable(const Endpoint& endpoint, const char* flag) {
  if (endpoint.port != 0 && !endpoint.is_unspecified()) return {};
  return invalid(fmt::format("{} must be an address that can be connected to, not {}", flag,
                             endpoint.to_string()));
}

Result<> check_clear_text(const WorkerFlags& flags, const Endpoint& address, const char* flag) {
  return tls::check_clear_text(tls::clear_text(flags.insecure_network), address,
                               fmt::format("{} {}", flag, address.to_string()), flag);
}

std::vector<std::string> check(const WorkerFlags& flags) {
  std::vector<std::string> errors;
  const auto note = [&errors](const auto& outcome) {
    if (!outcome.ok()) errors.push_back(outcome.error().message);
  };
  if (flags.masters.size() > limits::masters_max) {
    errors.push_back(fmt::format("--master must be given at most {} times", limits::masters_max));
  }
  for (const auto& master : flags.masters) {
    note(check_connectable(master, "--master"));
    if (!flags.cluster.is_given()) note(check_clear_text(flags, master, "--master"));
  }
  if (!flags.state_dir.empty() && flags.witness_listen && !flags.cluster.is_given()) {
    note(check_clear_text(flags, *flags.witness_listen, "--witness-listen"));
  }
  if (flags.target) note(check_connectable(*flags.target, "--target"));
  if (flags.checks.check && flags.checks.check->is_grpc &&
      flags.checks.protocol == wire::WorkerProtocol::http1) {
    errors.emplace_back("--check grpc is HTTP/2: it does not go with --protocol http1");
  }
  if (flags.advertise && flags.advertise->port == 0) {
    errors.emplace_back("--advertise must have a port above 0");
  }
  if (!flags.token_file.empty()) note(read_token_file(flags.token_file, "--token-file"));
  note(tls::load_if_given(flags.cluster, tls::OutOfTime::accepted));
  std::error_code failed;
  if (!flags.serve.empty() && !std::filesystem::is_directory(flags.serve, failed)) {
    errors.push_back(fmt::format("--serve: {} is not a directory", flags.serve));
  }
  return errors;
}

// Flags for how a target is probed: --check-path is the setting check_path, and so on.
void bind_checks(CLI::App& app, WorkerFlags& flags) {
  for (const auto& [flag, placeholder, help] :
       {std::tuple("--protocol", "http1|http2",
                   "what the target speaks [what its service's settings say; http2 with --check "
                   "grpc]"),
        std::tuple("--check", "http|grpc|grpc:NAME",
                   "health checks: GET, or grpc.health.v1 of the server or of a service [http]"),
        std::tuple("--check-path", "PATH", "path of health checks [/health]"),
        std::tuple("--check-interval", "DURATION", "time between two health checks [1s]"),
        std::tuple("--check-timeout", "DURATION", "how long an answer may take [1s]"),
        std::tuple("--check-unhealthy", "NUMBER",
                   "bad answers in a row after which the target is failing [3]"),
        std::tuple("--check-healthy", "NUMBER", "good answers in a row after which it is up [1]"),
        std::tuple("--check-status", "STATUSES",
                   "statuses of good answers, as in 200-299,401 [below 500]")}) {
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

ClusterCertificate WorkerFlags::cluster_certificate() const {
  return {.ca = cluster.authority,
          .certificate = cluster.certificate,
          .key = cluster.key,
          .revoked = cluster.revoked};
}

std::optional<int> read_flags(int argc, const char* const* argv, WorkerFlags& flags) {
  CLI::App app(
      "A worker of a Tandem cluster: serves a demo or a directory, or registers another service.",
      "tandem-worker");
  bind_name(app, "--name",
            "this worker's name, unique in the cluster; by default the machine's name and the port",
            flags.name);
  bind_name(app, "--service",
            "the service that this worker belongs to; its workers are interchangeable",
            flags.service);
  bind_endpoints(app, "--master",
                 "control address of a master; repeatable; one is enough [127.0.0.1:7070]",
                 flags.masters);
  auto* listen = bind_endpoint(app, "--listen",
                               "address to serve at; port 0: the kernel chooses one", flags.listen);
  auto* serve = bind_text(app, "--serve", "DIR", "serve the files of this directory", flags.serve);
  bind_switch(app, "--dotfiles", "serve files whose names begin with a dot, too", flags.dotfiles)
      ->needs(serve);
  bind_endpoint(app, "--target", "register the service that runs at this address, and probe it",
                flags.target)
      ->excludes(listen)
      ->excludes(serve);
  bind_text(app, "--state-dir", "DIR",
            "directory of this worker alone; with one it can be a witness, which votes",
            flags.state_dir);
  bind_endpoint(
      app, "--witness-listen",
      "address at which masters reach the witness, for masters that it cannot connect to [none: it "
      "connects to the masters]",
      flags.witness_listen);
  bind_endpoint(app, "--advertise",
                "address at which masters reach this worker, when it is not that of --listen",
                flags.advertise);
  bind_number(app, "--weight", "share of the traffic, relative to other workers", flags.weight,
              {0, limits::weight_max});
  const auto* connections = bind_number(
      app, "--connections", "how many connections each master may open [64, with --target 256]",
      flags.connections, {1, limits::worker_connections_max});
  bind_checks(app, flags);
  bind_duration(app, "--drain-timeout", "how long requests in flight may take after SIGTERM",
                flags.drain_timeout, {0s, 1h});
  bind_text(app, "--token-file", "FILE",
            "file with the token that this worker presents to the masters", flags.token_file);
  tls::bind_cluster_files(app, flags.cluster);
  tls::bind_insecure_network(app, flags.insecure_network);
  bind_log_level(app, flags.log_level);
  bind_log_format(app, flags.log_format);
  FlagRules rules;
  rules.is_configured = true;
  rules.contradictions = [&flags, connections](bool) {
    if (flags.target && connections->count() == 0) flags.connections = limits::target_connections;
    if (flags.masters.empty()) flags.masters.push_back({"127.0.0.1", 7070});
    return check(flags);
  };
  return report(read_command_line(app, argc, argv, rules), app.get_name());
}

}  // namespace tandem
