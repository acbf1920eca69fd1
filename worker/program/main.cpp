// tandem-worker: serves in a cluster, or registers a service that runs elsewhere.
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>

#include "common/base/duration.hpp"
#include "common/base/log.hpp"
#include "common/base/logging.hpp"
#include "common/base/process_setup.hpp"
#include "common/service_manager/service_manager.hpp"
#include "tandem/worker.hpp"
#include "worker/program/demo_routes.hpp"
#include "worker/program/flags.hpp"
#include "worker/program/limits.hpp"
#include "worker/program/standing_report.hpp"
#include "worker/program/static_files.hpp"
#include "common/base/stop_signals.hpp"
#include "common/base/write_text.hpp"
#include "worker/program/target_worker.hpp"

namespace {

using namespace tandem;

void log_event(Severity severity, const std::string& line) {
  if (severity == Severity::warning) {
    log::warn("{}", line);
  } else {
    log::info("{}", line);
  }
}

// The masters send it no more requests: it ends as after SIGTERM.
void end_when_removed() {
  log::warn("removed by an operator");
  StopSignals::request_stop();
}

int failed(const std::string& why) {
  write_text(stderr, fmt::format("tandem-worker: {}\n", why));
  return 1;
}

// Scripts wait for this line, so it is written at once as a whole.
void announce(const std::string& name, const std::string& service, const std::string& where) {
  write_text(stdout,
             fmt::format("tandem-worker ready name={} service={} {}\n", name, service, where));
}

void told(const std::optional<std::string>& refusal) {
  if (refusal) {
    log::error("certificate and token stay as they were reason=\"{}\"", *refusal);
  } else {
    static unsigned times = 0;  // on the thread that waits for signals
    log::info("certificate and token read again, as far as there are any times={}", ++times);
  }
}

// Reads the certificate and the token again.
template <class Registered>
std::function<void()> reload(Registered& worker, ServiceManager& manager) {
  return [&worker, &manager] {
    const ServiceManager::Reload announced(manager);
    told(worker.reload_secrets());
  };
}

int serve(const WorkerFlags& flags, StopSignals& signals, ServiceManager& manager) {
  WorkerOptions options;
  options.name = flags.name;
  options.service = flags.service;
  options.masters = flags.master_addresses();
  options.listen = flags.listen.to_string();
  if (flags.advertise) options.advertise = flags.advertise->to_string();
  options.weight = flags.weight;
  options.connections = flags.connections;
  options.state_dir = flags.state_dir;
  if (flags.witness_listen) options.witness_listen = flags.witness_listen->to_string();
  options.drain_timeout = std::chrono::milliseconds(to_ms(flags.drain_timeout));
  options.token_file = flags.token_file;
  options.cluster = flags.cluster_certificate();
  options.insecure_network = flags.insecure_network;
  options.on_removed = end_when_removed;
  options.log = log_event;
  Worker worker(options);
  if (flags.serve.empty()) {
    add_demo_routes(worker.server(), [&worker] { return worker.name(); });
  } else {
    const auto added = add_static_files(worker.server(), flags.serve,
                                        flags.dotfiles ? Dotfiles::served : Dotfiles::hidden);
    if (!added.ok()) return failed(added.error().message);
  }
  if (const auto error = worker.start()) return failed(*error);
  announce(worker.name(), flags.service, "listen=" + worker.address());
  StandingReport report(manager, {.masters = [&worker] { return worker.masters(); },
                                  .turns = [&worker] { return worker.turns(); }});
  signals.wait(reload(worker, manager));
  report.stopping(flags.drain_timeout + limits::stop_margin);
  log::info("stopping in_flight={}", worker.in_flight());
  worker.stop();
  return 0;
}

int register_target(const WorkerFlags& flags, StopSignals& signals, ServiceManager& manager) {
  RegistrationOptions options;
  options.name = flags.name;
  options.service = flags.service;
  options.masters = flags.master_addresses();
  if (flags.advertise) options.address = flags.advertise->to_string();
  options.weight = flags.weight;
  options.connections = flags.connections;
  options.token_file = flags.token_file;
  options.cluster = flags.cluster_certificate();
  options.insecure_network = flags.insecure_network;
  options.state_dir = flags.state_dir;
  if (flags.witness_listen) options.witness_listen = flags.witness_listen->to_string();
  options.on_removed = end_when_removed;
  options.log = log_event;
  TargetWorker worker(*flags.target, flags.checks, std::move(options));
  if (const auto error = worker.start()) return failed(*error);
  announce(worker.name(), flags.service, "target=" + flags.target->to_string());
  StandingReport report(manager, {.masters = [&worker] { return worker.masters(); }});
  signals.wait(reload(worker, manager));
  report.stopping(limits::stop_margin);
  log::info("stopping");
  worker.stop();
  return worker.error() ? failed(*worker.error()) : 0;
}

}  // namespace

int main(int argc, char** argv) {
  set_up_process();
  WorkerFlags flags;
  if (const auto status = read_flags(argc, argv, flags)) return *status;
  ServiceManager manager;
  StopSignals signals;
  start_logging(flags.log_level, flags.log_format);
  const int status =
      flags.target ? register_target(flags, signals, manager) : serve(flags, signals, manager);
  stop_logging();
  return status;
}
