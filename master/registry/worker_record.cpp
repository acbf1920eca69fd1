#include "master/registry/worker_record.hpp"

#include <algorithm>

#include "common/base/assert.hpp"
#include "common/base/duration.hpp"
#include "common/base/limits.hpp"

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

// What a worker or an operator wants gives way to what is known of its health: a drained worker
// that died is down. A worker that said bye is expected to fall silent: that is no failure.
WorkerState WorkerRecord::state() const {
  if (has_left()) return WorkerState::draining;
  if (liveness.down() || condition == WorkerCondition::failing) return WorkerState::down;
  if (suspicion.active()) return WorkerState::suspect;
  if (drained || condition == WorkerCondition::draining) return WorkerState::draining;
  return WorkerState::up;
}

std::string WorkerRecord::reason() const {
  switch (state()) {
    case WorkerState::up: return {};
    case WorkerState::suspect: return to_string(*last_failure);
    case WorkerState::draining:
      if (has_left()) return "is leaving";
      return drained ? "drained by an operator" : "asked to be drained";
    case WorkerState::down: break;
  }
  if (!liveness.down()) return "its service fails its health check";
  if (!is_probed() && !last_good) return "not heard yet";
  if (!is_probed()) return fmt::format("{} heartbeats missed", limits::missed_heartbeats_max);
  if (!last_failure) return "not probed yet";
  return fmt::format("health probe: {}", to_string(*last_failure));
}

wire::WorkerStatus status_of(const WorkerRecord& record, Instant real_now) {
  wire::WorkerStatus status;
  status.name = record.name;
  status.service = record.service;
  status.address = record.address.to_string();
  status.kind = record.is_probed() ? "backend" : "tandem";
  status.state = to_string(record.state());
  status.reason = record.reason();
  const auto ejected_until = record.counters->ejected_until.load(std::memory_order_relaxed);
  if (record.state() == WorkerState::up && ejected_until != 0) {
    const Duration left(ejected_until - real_now.since_boot().count());
    status.state = to_string(WorkerState::suspect);
    status.reason =
        left > Duration::zero()
            ? fmt::format("failed again and again, is tried again in {} ms", to_ms(left))
            : "failed again and again, is tried with one request";
  }
  status.weight = record.weight();
  status.connections = record.connections;
  status.in_flight = record.counters->in_flight.load(std::memory_order_relaxed);
  status.requests = record.counters->requests.load(std::memory_order_relaxed);
  status.failures = record.counters->failures.load(std::memory_order_relaxed);
  if (record.last_good) {
    status.last_heartbeat_ms = std::max<std::int64_t>(0, to_ms(real_now - *record.last_good));
  }
  return status;
}

std::shared_ptr<const SnapshotWorker> snapshot_of(const WorkerRecord& record) {
  return std::make_shared<const SnapshotWorker>(
      SnapshotWorker{record.id, record.name, record.service, record.address, record.weight(),
                     record.connections, record.takes_term, record.counters});
}

}  // namespace tandem::master
