#include "master/registry/panic.hpp"

#include "common/base/assert.hpp"
#include "common/base/relaxed.hpp"
#include "master/registry/ejection.hpp"

namespace tandem::master {

namespace {
constexpr std::int64_t long_ago =
    1;  // the end of an ejection in the past: the next request is a trial
}  // namespace

HealthCounts count_health(const std::map<std::string_view, WorkerRecord*>& members) {
  HealthCounts counts;
  for (const auto& [name, record] : members) {
    if (!record->is_wanted()) continue;
    const bool ejected = record->is_ejected();
    ++counts.workers;
    counts.ejected += ejected ? 1 : 0;
    counts.out += ejected || record->state() != WorkerState::up ? 1 : 0;
  }
  return counts;
}

bool set_last_resort(WorkerRecord& record, bool last_resort) {
  if (record.last_resort == last_resort) return false;
  record.last_resort = last_resort;
  record.shown.reset();
  auto& counters = *record.counters;
  counters.vouched.store(false, relaxed);
  if (last_resort) {
    if (counters.ejected_until.load(relaxed) == 0) {
      record.on_trial = true;
      counters.ejected_until.store(long_ago, relaxed);
    }
    counters.suspect.store(false, relaxed);
    return true;
  }
  if (record.on_trial) {
    record.on_trial = false;
    counters.failures_in_a_row.store(0, relaxed);
    counters.ejected_until.store(0, relaxed);
  }
  counters.suspect.store(record.suspicion.active(), relaxed);
  return true;
}

void failed_as_last_resort(WorkerRecord& record, Instant now) {
  TANDEM_ASSERT(record.last_resort);
  auto& counters = *record.counters;
  record.on_trial = true;
  counters.vouched.store(false, relaxed);
  eject(counters, EjectionTimes{}, now);
  counters.suspect.store(false, relaxed);
}

}  // namespace tandem::master
