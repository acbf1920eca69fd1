#include "master/registry/worker_record.hpp"

#include <algorithm>

#include <fmt/chrono.h>

#include "common/access/limits.hpp"
#include "common/base/assert.hpp"
#include "common/base/duration.hpp"
#include "common/tls/handshake_alert.hpp"
#include "common/wire/limits.hpp"
#include "master/registry/limits.hpp"

namespace tandem::master {

using wire::WorkerCondition;

const char* to_string(WorkerState state) {
  switch (state) {
    case WorkerState::up: return "up";
    case WorkerState::suspect: return "suspect";
    case WorkerState::down: return "down";
    case WorkerState::draining: return "draining";
  }
  assertion_failed("a known worker state", __FILE__, __LINE__);
}

// Health takes precedence over what the worker or an operator wants: a drained worker that died is
// down. A worker that said bye is expected to fall silent, which is not a failure.
WorkerState WorkerRecord::state() const {
  if (has_left()) return WorkerState::draining;
  const bool is_heard = !liveness.down() && distrust.empty();
  if (!is_heard || condition == WorkerCondition::failing || !checks.pass()) {
    return WorkerState::down;
  }
  if (suspicion.active()) return WorkerState::suspect;
  if (drained || condition == WorkerCondition::draining) return WorkerState::draining;
  return WorkerState::up;
}

std::string WorkerRecord::reason() const {
  switch (state()) {
    case WorkerState::up: return {};
    case WorkerState::suspect:
      return *last_failure == FailureKind::tls ? reason_of_tls() : to_string(*last_failure);
    case WorkerState::draining:
      if (has_left()) return "is leaving";
      return drained ? "drained by an operator" : "asked to be drained";
    case WorkerState::down: break;
  }
  if (!distrust.empty()) return distrust;
  if (!is_probed() && liveness.down()) {
    if (!last_good) return "not heard yet";
    return fmt::format("{} heartbeats missed", limits::missed_heartbeats_max);
  }
  if (checks.pass()) return "its service fails its health check";
  if (const auto good = checks.good_in_a_row(); good > 0) {
    return fmt::format("{} good health checks in a row are not enough yet", good);
  }
  if (!address.is_numeric() && !unresolved.empty()) return unresolved;
  if (!check_failure) return "not probed yet";
  return fmt::format("health check failed: {}", check_failure->to_string());
}

std::string WorkerRecord::reason_of_tls() const {
  const auto alert = counters->tls_alert.load(std::memory_order_relaxed);
  const std::string what = to_string(FailureKind::tls);
  return alert == 0 ? what : fmt::format("{}: {}", what, tls::handshake_alert(alert));
}

WorkerState WorkerRecord::told_state() const {
  const auto own = state();
  return own == WorkerState::up && refuses_tls() ? WorkerState::suspect : own;
}

std::string WorkerRecord::told_reason() const {
  return told_state() == state() ? reason() : reason_of_tls();
}

std::string WorkerRecord::reason_of_ejection() const {
  const auto failures = counters->ejected_after.load(std::memory_order_relaxed);
  if (failures == 0) return ejection_reason;
  return fmt::format("ejected after {} failures in a row", failures);
}

bool WorkerRecord::is_wanted() const {
  const bool stays = !has_left() && !drained && condition != WorkerCondition::draining;
  return stays && weight() > 0 && last_good && checks.proven();
}

wire::WorkerStatus status_of(const WorkerRecord& record, Instant real_now,
                             wire::WorkerProtocol of_service) {
  wire::WorkerStatus status;
  status.name = record.name;
  status.service = record.service;
  status.address = record.address.to_string();
  status.kind = record.kind == WorkerKind::discovered ? "discovered"
                : record.is_probed()                  ? "backend"
                                                      : "tandem";
  status.state = to_string(record.state());
  status.reason = record.reason();
  if (record.state() == WorkerState::up && record.is_ejected()) {
    const auto until = record.counters->ejected_until.load(std::memory_order_relaxed);
    status.state = to_string(WorkerState::suspect);
    status.reason = record.reason_of_ejection();
    const Duration left(until - real_now.since_boot().count());
    status.until_ms = std::max<std::int64_t>(to_ms(left), 0);
  }
  if (record.told_state() != record.state()) {
    status.state = to_string(record.told_state());
    status.reason = record.told_reason();
  }
  status.protocol = wire::to_string(record.protocol.value_or(of_service));
  status.weight = record.weight();
  status.connections = record.connections;
  status.in_flight = record.counters->in_flight.load(std::memory_order_relaxed);
  status.in_flight_elsewhere = record.counters->in_flight_elsewhere.load(std::memory_order_relaxed);
  status.answers = record.counters->answers.sums();
  status.requests = wire::total(status.answers);
  status.failures = record.counters->failures.load(std::memory_order_relaxed);
  status.failures_in_a_row = record.counters->failures_in_a_row.load(std::memory_order_relaxed);
  const bool fails = status.failures_in_a_row >= limits::failures_told_min;
  if (status.state == to_string(WorkerState::up) && fails) {
    status.reason = fmt::format("its last {} requests failed", status.failures_in_a_row);
  }
  if (record.last_good) {
    status.last_heartbeat_ms = std::max<std::int64_t>(0, to_ms(real_now - *record.last_good));
  }
  return status;
}

void tell_of_certificate(const tls::Peer& shown, tls::WallTime today, wire::WorkerStatus& status) {
  const auto end = std::chrono::system_clock::to_time_t(shown.expires);
  const auto left = std::chrono::floor<std::chrono::days>(shown.expires - today).count();
  status.certificate_expires = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(end));
  status.certificate_days_left = static_cast<std::uint64_t>(std::max<std::int64_t>(left, 0));
  const bool is_up = status.state == to_string(WorkerState::up);
  if (is_up && status.reason.empty() &&
      left <= std::int64_t{limits::credential_days_last_warning}) {
    status.reason = fmt::format("its certificate ends in {} days", left);
  }
  const bool is_silent = status.state == to_string(WorkerState::down) && left < 0;
  if (is_silent) status.reason = "its certificate has ended on " + tls::to_string(shown.expires);
}

std::shared_ptr<const SnapshotWorker> snapshot_of(const WorkerRecord& record, unsigned sharers) {
  return std::make_shared<const SnapshotWorker>(
      SnapshotWorker{.id = record.id,
                     .name = record.name,
                     .service = record.service,
                     .address = record.address,
                     .weight = record.weight(),
                     .connections = share_of(record.connections, sharers),
                     .protocol = record.protocol,
                     .term_key = record.term_key,
                     .cookie = record.cookie,
                     .counters = record.counters,
                     .last_resort = record.last_resort,
                     .is_discovered = record.kind == WorkerKind::discovered,
                     .tls = record.tls});
}

}  // namespace tandem::master
