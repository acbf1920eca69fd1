// The part of Registry that goes by the clock, and the shortest of what workers send: that they are
// as they were. What all workers do all the time costs nothing for those that do it in time.
#include <algorithm>
#include <utility>

#include "common/base/log.hpp"
#include "common/wire/limits.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace {
// A worker that said bye stays listed while its last heartbeats may still be on their way.
constexpr int intervals_listed_after_bye = 3;
}  // namespace

// ---- repetitions

void Registry::keep(std::string_view name, KeptDocument document) {
  thread_.assert_here();
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) found->second->document = std::move(document);
}

Registry::Repetition Registry::repeat(const wire::RepeatedHeartbeat& heartbeat,
                                      const Sender& sender, std::uint64_t reply, Instant now) {
  thread_.assert_here();
  const auto found = by_name_.find(heartbeat.name);
  if (found == by_name_.end()) return {};
  auto& record = *found->second;
  auto& kept = record.document;
  const bool repeats = kept.sequence == heartbeat.sequence &&
                       record.incarnation == heartbeat.incarnation && !record.has_left();
  const bool is_of_sender = kept.caller.get() == sender.caller && kept.host == sender.host &&
                            kept.admissions == sender.admissions;
  if (!repeats || !is_of_sender) return {};
  record.has_refused = false;
  record.is_proven = false;
  note_load(record, heartbeat.in_flight);
  good_sign(record, clock_.at(now), now);
  return {&record, std::exchange(kept.reply, reply) != reply};
}

// What they said has to be looked at again, since the answer may be another one.
void Registry::forget_documents(const ServiceTable::Members& members) {
  for (const auto& [name, record] : members) record->document = {};
}

// ---- time

void Registry::set_heartbeat_interval(Duration interval, Instant now) {
  const auto before = std::exchange(options_.heartbeat_interval, interval);
  clock_.set_tick_interval(options_.tick_interval());
  if (before <= interval) return;
  // A heartbeat may be on its way already, and the next one goes by what its answer says.
  earlier_interval_ = std::max(before, interval_expected(now));
  earlier_until_ = now + 3 * earlier_interval_;
}

// That by which a worker may send its heartbeats now.
Duration Registry::interval_expected(Instant now) const {
  return now < earlier_until_ ? earlier_interval_ : options_.heartbeat_interval;
}

void Registry::tick(Instant now) {
  thread_.assert_here();
  const auto stalled_before = clock_.stalled();
  const auto attentive = clock_.tick(now);
  if (clock_.stalled() - stalled_before > options_.heartbeat_interval) {
    log::warn("master stalled, worker deadlines shifted stall_ms={}",
              (clock_.stalled() - stalled_before) / 1ms);
  }
  follow_again(find_silent(attentive, interval_expected(now)), now);
  discover_again(now);
  find_outliers(now);
  review_refusals_of_tls();
  if (services_.review()) request_publication();
}

// A worker that is heard is looked at when it would have been silent for too long; one that is not,
// at each tick.
void Registry::review_later(const WorkerRecord& record) {
  const bool is_heard = !record.has_left() && !record.liveness.down();
  const auto longest = limits::missed_heartbeats_max * options_.heartbeat_interval;
  reviews_.push({is_heard ? record.liveness.last_good() + longest : Instant(), record.id});
}

// Those that have fallen silent, by name.
std::vector<std::string> Registry::find_silent(Instant attentive, Duration interval) {
  std::vector<WorkerId> due;
  while (!reviews_.empty() && reviews_.top().due < attentive) {
    due.push_back(reviews_.top().id);
    reviews_.pop();
  }
  std::vector<std::string> silent;
  for (const auto id : due) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) continue;  // it was replaced, or has gone
    auto& record = *found->second;
    if (is_forgotten(record, attentive)) {
      if (!state_.joined.contains(record.name)) {
        log::info("worker forgotten name={} service={}", record.name, record.service);
        erase(records_.find(record.name));
        continue;
      }  // until its departure has been committed
    } else if (!record.has_left() && !record.liveness.down() &&
               record.liveness.is_silent(attentive, interval)) {
      const auto before = standing(record);
      record.liveness.expire(attentive);
      note(record.name);
      silent.push_back(record.name);
      record.counters->in_flight_elsewhere.store(0, std::memory_order_relaxed);
      settle(record, before);
      if (record.is_challenged() && hooks_.on_backend) hooks_.on_backend(record.id);
    }
    review_later(record);
  }
  std::sort(silent.begin(), silent.end());
  return silent;
}

bool Registry::is_forgotten(const WorkerRecord& record, Instant attentive) const {
  if (record.has_left()) {
    return attentive - record.left_at > intervals_listed_after_bye * options_.heartbeat_interval;
  }
  return record.liveness.down() && attentive - record.liveness.down_since() > options_.forget_after;
}

}  // namespace tandem::master
