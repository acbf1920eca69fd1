#include "master/registry/ejection.hpp"

#include <algorithm>
#include <atomic>

#include "common/base/relaxed.hpp"

namespace tandem::master {

namespace {
std::atomic<std::uint64_t> ejections{0};
}

std::uint64_t ejections_ever() { return ejections.load(std::memory_order_acquire); }

Duration eject(WorkerCounters& counters, const EjectionTimes& times, Instant now) {
  const auto stamp = [](Instant at) { return at.since_boot().count(); };
  const auto last = counters.ejected_at.exchange(stamp(now), relaxed);
  const bool first = last == 0 || Duration(stamp(now) - last) > times.forgiven_after + times.max;
  const auto before = first ? 0u : std::min(counters.ejections.load(relaxed), 30u);
  counters.ejections.store(before + 1, relaxed);
  const auto out_for = std::min(times.max, times.first * (std::int64_t{1} << before));
  counters.failures_in_a_row.store(0, relaxed);
  counters.ejected_until.store(stamp(now + out_for), relaxed);
  tandem::master::ejections.fetch_add(1, std::memory_order_release);
  return out_for;
}

}  // namespace tandem::master
