// tandem-master: starts the control plane on one thread and the forwarding loops on theirs, and
// ends them.
#include <chrono>
#include <cstdio>
#include <optional>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/base/logging.hpp"
#include "common/base/process_setup.hpp"
#include "common/base/stop_signals.hpp"
#include "common/base/secret.hpp"
#include "common/base/write_text.hpp"
#include "master/control/control_plane.hpp"
#include "master/control_options.hpp"
#include "master/flags.hpp"
#include "master/forward/access_log/log.hpp"
#include "master/forward/tracing/tracer.hpp"
#include "master/forward/plane/data_plane.hpp"
#include "master/forward/plane/descriptor_shares.hpp"
#include "master/forward/tls/certificates.hpp"
#include "master/forward/tls/tickets.hpp"
#include "master/vip/virtual_addresses.hpp"

namespace {

using namespace tandem;
using namespace tandem::master;
namespace tls = tandem::master::tls;  // towards clients, not that inside the cluster

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
  if (const auto* plain = data_plane.address(false)) line += " listen=" + plain->to_string();
  line += " control=" + control.to_string();
  if (const auto* secure = data_plane.address(true)) line += " listen-tls=" + secure->to_string();
  return line + "\n";
}

tls::Tickets::Time wall_time() { return std::chrono::system_clock::now(); }

// The certificates of --tls and the keys of tickets, and what is done with them while the data
// plane runs.
struct Tls {
  explicit Tls(const MasterFlags& flags)
      : interval(flags.ticket_key_interval),
        tickets(std::chrono::duration_cast<tls::Tickets::Interval>(interval), wall_time()) {
    if (!flags.certificates.empty())
      certificates.emplace(flags.certificates, flags.client_authority);
  }
  // Null: there are none.
  Result<tls::CertificateSetPtr> load() {
    if (!certificates) return tls::CertificateSetPtr();
    return certificates->load(wall_time(), tickets.keys());
  }
  Result<> reload(DataPlane& plane) { return certificates->reload(wall_time(), into(plane)); }
  static tls::Certificates::Use into(DataPlane& plane) {
    return [&plane](tls::CertificateSetPtr set) { return plane.publish(std::move(set)); };
  }
  CertificateHooks hooks(DataPlane*& plane) {
    if (!certificates) return {};
    return {.status = [this] { return certificates->status(wall_time()); },
            .reload = [this, &plane] { return reload(*plane); },
            .tick = [this] { certificates->tick(wall_time()); }};
  }
  TicketHooks ticket_hooks(DataPlane*& plane) {
    if (!certificates) return {};
    const auto use = [this, &plane](std::shared_ptr<const tls::TicketKeys> keys) {
      certificates->use_tickets(std::move(keys), into(*plane));
    };
    return {.version = [this] { return tickets.ring().version(); },
            .ring = [this] { return tickets.ring().to_bytes(wall_time()); },
            .take = [this,
                     use](std::string_view bytes) { return tickets.take(bytes, wall_time(), use); },
            .tick =
                [this, use](TicketHooks::Standing standing) {
                  tickets.tick(wall_time(), standing_of(standing), use);
                },
            .turn = [this, use] { tickets.turn(wall_time(), use); },
            .interval = interval};
  }
  static tls::Tickets::Standing standing_of(TicketHooks::Standing standing) {
    switch (standing) {
      case TicketHooks::Standing::primary: return tls::Tickets::Standing::primary;
      case TicketHooks::Standing::primary_awaits: return tls::Tickets::Standing::primary_awaits;
      case TicketHooks::Standing::other: break;
    }
    return tls::Tickets::Standing::other;
  }

  const Duration interval;
  std::optional<tls::Certificates> certificates;
  tls::Tickets tickets;  // the control thread's, once it runs
};

Result<> serve(const MasterFlags& flags, AccessLog* access_log, Tracer* tracer,
               StopSignals& signals) {
  DataPlane* forwarding = nullptr;
  Tls tls(flags);
  auto shown = tls.load();
  if (!shown) return shown.error();
  ServingGate gate;
  auto opened_vips = open_vips(flags, gate);
  if (!opened_vips) return opened_vips.error();
  const auto vips = std::move(*opened_vips);
  auto to_control = control_options(flags);
  to_control.pass = random_hex(16);  // standbys send it with the requests that they pass on
  to_control.standby_serves = flags.forward.standby_traffic != StandbyTraffic::refuse;
  std::function<bool(Instant)> farewell;
  std::function<void()> farewell_over;
  if (vips) {
    farewell = [&forwarding](Instant now) { return forwarding->let_clients_go(now); };
    farewell_over = [&forwarding] { forwarding->stop_letting_go(); };
  }
  ControlPlane control(
      to_control, gate,
      {.snapshot = [&forwarding](SnapshotPtr next) { forwarding->publish(std::move(next)); },
       .leadership = [&forwarding](LeadershipPtr next) { forwarding->publish(std::move(next)); },
       .gate =
           [&vips] {
             if (vips) vips->look_at_gate();
           },
       .farewell = farewell,
       .farewell_over = farewell_over,
       .vips = [&vips] { return vips ? vips->status() : std::vector<wire::VipStatus>(); },
       .certificates = tls.hooks(forwarding),
       .tickets = tls.ticket_hooks(forwarding),
       .traffic = [&forwarding] { return forwarding->traffic(); },
       .has_adopted =
           [&forwarding](std::uint64_t version) { return forwarding->has_adopted(version); }});
  auto options = flags.forward;
  options.via = "tandem-" + random_hex(4);  // until the cluster has a name
  options.client_connections_max = clients_among(descriptors(), options.threads);
  options.access_log = access_log;
  options.tracer = tracer;
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
  if (const auto started = data_plane.start(); !started) {
    control.stop();
    return started.error();
  }
  if (const auto* plain = data_plane.address(false)) control.set_listen(*plain);
  if (vips) vips->serve();
  control.take_part();
  write_text(stdout, ready_line(flags, data_plane, control.address()));

  const auto second_stop = signals.wait_for_two(
      [access_log, &control, &tls, &data_plane] {
        if (access_log != nullptr) access_log->reopen();
        control.reload_secrets();
        if (!tls.certificates) return;
        [[maybe_unused]] const auto reloaded = tls.reload(data_plane);  // it has logged the outcome
      },
      [&control, &vips] {
        if (vips) vips->end();
        control.end_at_once();
      });
  control.set_draining(true);
  control.hand_over();
  spdlog::info("draining connections={}", data_plane.client_connections());
  const bool finished = data_plane.drain(flags.drain_timeout);
  if (!finished) spdlog::warn("drain timed out connections={}", data_plane.client_connections());
  control.stop();
  data_plane.stop();
  spdlog::info("stopped requests={}", data_plane.requests());
  return {};
}

// What takes notes of requests outlives the loops.
Result<> serve_with_notes(const MasterFlags& flags, StopSignals& signals) {
  std::unique_ptr<AccessLog> access_log;
  if (!flags.access_log.path.empty()) {
    auto opened = AccessLog::open(flags.access_log, flags.forward.threads);
    if (!opened) return opened.error();
    access_log = std::move(*opened);
  }
  std::optional<Tracer> tracer;
  if (flags.tracing.is_on()) tracer.emplace(flags.tracing, flags.node, flags.forward.threads);
  return serve(flags, access_log.get(), tracer ? &*tracer : nullptr, signals);
}

}  // namespace

int main(int argc, char** argv) {
  set_up_process();
  MasterFlags flags;
  if (const auto status = read_flags(argc, argv, flags)) return *status;
  StopSignals signals;
  start_logging(flags.log_level, flags.log_format);
  const auto served = serve_with_notes(flags, signals);
  stop_logging();  // queued lines are written before the last message
  return served ? 0 : failed(served.error());
}
