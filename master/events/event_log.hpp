// event_log.hpp: what happened lately: the newest events, in the order in which this master learnt
// of them, and nothing on the disk. Each is kept as the line of JSON that is served.
//
// After a restart the changes of the log that were applied again are there, with their old ids
// and times; what a master saw itself is gone with its process.
//
// Owner: the control loop's thread. Always: at most limits::events_max events, with the numbers
// first() to next() - 1.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "master/events/change_times.hpp"
#include "master/events/event.hpp"

namespace tandem::master {

class EventLog {
 public:
  // `on_event`: called after each.
  EventLog(std::string node, std::function<void()> on_event)
      : node_(std::move(node)), on_event_(std::move(on_event)) {}

  // The log was read up to there: what came before is not known here.
  void begins_after(LogPosition position);
  // A committed change: `position` is that of its entry.
  void record(LogPosition position, Event event);
  // When changes were applied first, to be kept over restarts.
  ChangeTimes& times() { return times_; }
  // What this master saw itself, in this term.
  void record(Term term, Event event);

  // Numbers of events, which only this process knows.
  std::uint64_t first() const { return dropped_; }
  std::uint64_t next() const { return dropped_ + kept_.size(); }
  // REQUIRES: first() <= number < next()
  const std::string& json(std::uint64_t number) const { return kept_[number - dropped_].json; }
  const EventId& id(std::uint64_t number) const { return kept_[number - dropped_].id; }

  // Where to go on for a reader whose last event was that one.
  struct Resumed {
    std::uint64_t number = 0;
    bool missed = false;  // there were events in between that are not kept here
  };
  Resumed after(const EventId& last) const;

 private:
  struct Kept {
    EventId id;
    std::string json;
  };
  void keep(EventId id, Event event, Term term);

  const std::string node_;
  const std::function<void()> on_event_;
  std::deque<Kept> kept_;
  ChangeTimes times_;
  std::uint64_t dropped_ = 0;
  LogPosition begin_;  // of what is known
  LogPosition last_;   // applied
  std::int64_t last_number_ = 0;
};

}  // namespace tandem::master
