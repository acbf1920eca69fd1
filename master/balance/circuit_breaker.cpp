#include "master/balance/circuit_breaker.hpp"

#include "common/base/relaxed.hpp"
#include "master/registry/ejection.hpp"

namespace tandem::master {

namespace {

std::int64_t stamp(Instant at) { return at.since_boot().count(); }

}  // namespace

CircuitBreaker::State CircuitBreaker::state(const WorkerCounters& counters, Instant now) {
  const auto until = counters.ejected_until.load(relaxed);
  if (until == 0) return State::closed;
  return stamp(now) < until ? State::open : State::half_open;
}

bool CircuitBreaker::admits_probe(const WorkerCounters& counters, Instant now) {
  return state(counters, now) == State::half_open && !counters.probed.load(relaxed);
}

bool CircuitBreaker::begin_probe(WorkerCounters& counters, Instant now) {
  if (counters.ejected_until.load(relaxed) == 0) return false;
  return state(counters, now) == State::half_open && !counters.probed.exchange(true, relaxed);
}

void CircuitBreaker::end_probe(WorkerCounters& counters) { counters.probed.store(false, relaxed); }

bool CircuitBreaker::succeeded(WorkerCounters& counters) {
  // Writes only after failures, because all loops share the cache line.
  if (counters.failures_in_a_row.load(relaxed) != 0) counters.failures_in_a_row.store(0, relaxed);
  // While it is open, answers to earlier requests arrive.
  if (!counters.probed.load(relaxed)) return false;
  return counters.ejected_until.exchange(0, relaxed) != 0;
}

bool CircuitBreaker::failed(WorkerCounters& counters, Instant now) const {
  const auto row = counters.failures_in_a_row.fetch_add(1, relaxed) + 1;  // status tells of them
  if (failures_in_a_row == 0) return false;
  switch (state(counters, now)) {
    case State::closed: return row >= failures_in_a_row;
    case State::half_open: return true;
    case State::open: break;  // an earlier request
  }
  return false;
}

Duration CircuitBreaker::open(WorkerCounters& counters, Instant now) const {
  // A failed probe does not change the reason why it was opened.
  if (counters.ejected_until.load(relaxed) == 0) {
    counters.ejected_after.store(counters.failures_in_a_row.load(relaxed), relaxed);
  }
  return eject(counters, {.first = open_first, .max = open_max, .forgiven_after = forgiven_after},
               now);
}

}  // namespace tandem::master
