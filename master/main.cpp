// tandem-master: starts the control plane on one thread and the forwarding loops on theirs, and
// ends them.
#include <cstdio>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/inherited_sockets.hpp"
#include "common/base/log.hpp"
#include "common/base/logging.hpp"
#include "common/base/process_setup.hpp"
#include "common/base/stop_signals.hpp"
#include "common/base/secret.hpp"
#include "common/base/write_text.hpp"
#include "common/service_manager/loop_pulse.hpp"
#include "common/service_manager/service_manager.hpp"
#include "master/client_tls.hpp"
#include "master/control/control_plane.hpp"
#include "master/control_options.hpp"
#include "master/flags.hpp"
#include "master/forward/plane/data_plane.hpp"
#include "master/forward/plane/descriptor_shares.hpp"
#include "master/reloader.hpp"
#include "master/upgrading.hpp"
#include "master/vip/virtual_addresses.hpp"

namespace {

using namespace tandem;
using namespace tandem::master;

// What ending takes besides answering requests: handing over, closing the log.
constexpr Duration stop_margin = 15s;

int failed(const Error& error) {
  write_text(stderr, fmt::format("tandem-master: {}\n", error.message));
  return error.code == ErrorCode::invalid ? 2 : 1;
}

// Null: no addresses are configured.
Result<std::unique_ptr<VirtualAddresses>> open_vips(const MasterFlags& flags,
                                                    const ServingGate& gate) {
  if (flags.vips.empty()) return std::unique_ptr<VirtualAddresses>();
  return VirtualAddresses::open({.vips = flags.vips, .margin = flags.timing.election_timeout / 20},
                                gate);
}

std::string ready_line(const MasterFlags& flags, const DataPlane& data_plane,
                       const Endpoint& control) {
  auto line = fmt::format("tandem-master ready node={}", flags.node);
  const bool is_plain = !flags.forward.listen.front().tls;  // those come first
  const auto plain = data_plane.address(false);
  if (is_plain && plain) line += " listen=" + plain->to_string();
  line += " control=" + control.to_string();
  if (const auto inner = data_plane.inner_address()) line += " listen-inner=" + inner->to_string();
  if (const auto secure = data_plane.address(true)) line += " listen-tls=" + secure->to_string();
  return line + "\n";
}

// Nobody listens: nothing is done for it.
void add_service_manager(ControlPlaneHooks& hooks, ServiceManager& manager,
                         std::optional<LoopPulse>& pulse) {
  if (!manager.listens()) return;
  hooks.standing = [&manager](const std::string& not_ready, const std::string& standing) {
    manager.status(standing);
    if (not_ready.empty()) manager.ready();
  };
  if (pulse) hooks.turn = [&pulse](Instant now) { pulse->turn(now); };
}

// What this process was started with, and instead of whom.
struct Origin {
  ProgramStart start;
  std::unique_ptr<FormerProcess> former;  // null: nobody
};

// Its requests come from this host, whatever their clients are.
void leave_former_uncounted(DataPlaneOptions& options) {
  for (const auto* const host : {"127.0.0.1", "::1"}) {
    if (const auto own = parse_address_range(host, "")) options.uncounted_clients.push_back(*own);
  }
  for (const auto& address : options.listen) {
    const auto own = parse_address_range(address.endpoint.host, "");
    if (own) options.uncounted_clients.push_back(*own);
  }
}

Result<> serve(const MasterFlags& flags, Reloader& reloader, StopSignals& signals,
               ServiceManager& manager, Upgrading& upgrading, ServingGate& gate,
               const std::string& pass) {
  if (const auto opened = reloader.open_access_log(); !opened) return opened;
  reloader.start_tracing();
  DataPlane* forwarding = nullptr;
  ClientTls tls(flags);
  auto shown = tls.load();
  if (!shown) return shown.error();
  if (const auto place = upgrading.take_over(); !place) return place;
  auto opened_vips = open_vips(flags, gate);
  if (!opened_vips) return opened_vips.error();
  const auto vips = std::move(*opened_vips);
  auto to_control = control_options(flags);
  to_control.pass = pass;
  if (upgrading.takes_place()) to_control.restore.clear();  // it was, by the process before
  std::function<bool(Instant)> farewell;
  std::function<void()> farewell_over;
  if (vips) {
    farewell = [&forwarding](Instant now) { return forwarding->let_clients_go(now); };
    farewell_over = [&forwarding] { forwarding->stop_letting_go(); };
  }
  std::optional<LoopPulse> pulse;
  if (const auto interval = manager.beat_interval()) {
    pulse.emplace(
        *interval, flags.forward.threads,
        [&forwarding](const auto& answer) { return forwarding->on_each_loop(answer); },
        [&manager] { manager.beat(); });
  }
  ControlPlaneHooks hooks{
      .snapshot =
          [&forwarding, &upgrading](SnapshotPtr next) {
            forwarding->publish(next);
            upgrading.saw(next);
          },
      .leadership =
          [&forwarding, &upgrading](LeadershipPtr next) {
            forwarding->publish(next);
            upgrading.saw(next);
          },
      .gate =
          [&vips] {
            if (vips) vips->look_at_gate();
          },
      .farewell = farewell,
      .farewell_over = farewell_over,
      .vips = [&vips] { return vips ? vips->status() : std::vector<wire::VipStatus>(); },
      .certificates = tls.hooks(forwarding),
      .tickets = tls.ticket_hooks(forwarding),
      .config = reloader.hooks(),
      .upgrade = upgrading.hooks(),
      .traffic = [&forwarding] { return forwarding->traffic(); },
      .latencies = [&forwarding] { return forwarding->latencies(); },
      .has_adopted =
          [&forwarding](std::uint64_t version) { return forwarding->has_adopted(version); },
      .inner_access = [&forwarding](InnerAccessPtr next) { forwarding->publish(std::move(next)); }};
  add_service_manager(hooks, manager, pulse);
  ControlPlane control(to_control, gate, std::move(hooks));
  auto options = flags.forward;
  options.via = "tandem-" + random_hex(4);  // until the cluster has a name
  if (upgrading.takes_place()) leave_former_uncounted(options);
  options.client_connections_max = clients_among(descriptors(), options.threads);
  options.access_log = reloader.access_log();
  options.tracer = reloader.tracer();
  options.certificates = std::move(*shown);
  options.gate = &gate;
  options.pass = to_control.pass;
  options.report_term = [&control](Term term) { control.report_term(term); };
  options.report_failure = [&control](WorkerId id, FailureKind kind) {
    control.report_failure(id, kind);
  };
  DataPlane data_plane(options);
  forwarding = &data_plane;
  // The control address comes first: a master that it refuses to start (a shared data directory, no
  // token) must not have served clients.
  if (const auto started = control.start(); !started) return started.error();
  if (const auto serving = upgrading.serve({control, data_plane, reloader, vips.get()}); !serving) {
    upgrading.end();
    control.stop();
    return serving.error();
  }
  write_text(stdout, ready_line(flags, data_plane, control.address()));

  reloader.begin({control, data_plane, tls});
  const auto second_stop = signals.wait_for_two(
      [&reloader] {
        reloader.reload(ReloadMode::apply, {.name = "SIGHUP"});  // it has told the outcome
      },
      [&control, &vips] {
        if (vips) vips->end();
        control.end_at_once();
      });
  if (upgrading.end()) {
    if (!upgrading.pass_clients_on(reloader.drain_timeout())) {
      log::warn("clients are cut off, the time is over connections={}",
                data_plane.client_connections());
    }
    data_plane.stop();
    log::info("stopped, another process serves requests={}", data_plane.requests());
    return {};
  }
  reloader.stop();
  manager.stopping(reloader.drain_timeout() + stop_margin);
  control.set_draining(true);
  control.hand_over();
  log::info("draining connections={}", data_plane.client_connections());
  const bool finished = data_plane.drain(reloader.drain_timeout());
  if (!finished) log::warn("drain timed out connections={}", data_plane.client_connections());
  control.stop();
  data_plane.stop();
  log::info("stopped requests={}", data_plane.requests());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Origin origin{ProgramStart::of(argc, argv), FormerProcess::find()};
  set_up_process();
  MasterFlags flags;
  const auto reading = parse_flags(argc, argv, flags);
  if (const auto status = report(reading, "tandem-master")) {
    if (origin.former) origin.former->refuse(fmt::format("{}", fmt::join(reading.errors, "; ")));
    return *status;
  }
  take_inherited_sockets();
  ServiceManager manager;
  ServingGate gate;
  const auto pass = random_hex(16);  // standbys send it with the requests that they pass on
  Upgrading upgrading(flags, std::move(origin.start), std::move(origin.former), gate, manager,
                      pass);
  StopSignals signals([&upgrading] { upgrading.upgrade(); });
  start_logging(flags.log_level, flags.log_format);
  const auto served = [&] {
    Reloader reloader(argc, argv, flags, reading.in_force, manager);
    return serve(flags, reloader, signals, manager, upgrading, gate, pass);
  }();
  if (!served) upgrading.refuse(served.error().message);
  stop_logging();  // queued lines are written before the last message
  return served ? 0 : failed(served.error());
}
