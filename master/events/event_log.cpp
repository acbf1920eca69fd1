#include "master/events/event_log.hpp"

#include <algorithm>

#include "master/events/limits.hpp"

namespace tandem::master {

void EventLog::begins_after(LogPosition position) {
  begin_ = position;
  last_ = position;
}

void EventLog::record(LogPosition position, Event event) {
  last_ = position;
  event.time = times_.of(position, std::chrono::system_clock::now());
  keep({.position = position}, std::move(event), position.term);
}

void EventLog::record(Term term, Event event) {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch().count();
  last_number_ = std::max<std::int64_t>(last_number_ + 1, ms);
  event.time = now;
  keep({.position = last_, .node = node_, .number = last_number_}, std::move(event), term);
}

void EventLog::keep(EventId id, Event event, Term term) {
  auto json = to_json(event, id, node_, term);
  kept_.push_back({std::move(id), std::move(json)});
  if (kept_.size() > limits::events_max) {
    kept_.pop_front();
    ++dropped_;
  }
  on_event_();
}

EventLog::Resumed EventLog::after(const EventId& last) const {
  const auto newest =
      std::find_if(kept_.rbegin(), kept_.rend(), [&](const Kept& kept) { return kept.id == last; });
  if (newest != kept_.rend()) {
    return {dropped_ + static_cast<std::uint64_t>(newest.base() - kept_.begin()), false};
  }
  const auto is_later = [&](const Kept& kept) {
    if (kept.id.position > last.position) return true;
    return kept.id.is_local() && last.is_local() && kept.id.number > last.number;
  };
  const auto later = std::find_if(kept_.begin(), kept_.end(), is_later);
  const bool lacks_older = dropped_ > 0 ? kept_.empty() || last.position < kept_.front().id.position
                                        : last.position < begin_;
  return {dropped_ + static_cast<std::uint64_t>(later - kept_.begin()),
          later == kept_.begin() && lacks_older};
}

}  // namespace tandem::master
