// change_times.hpp: when this master first applied each of the latest changes, kept over restarts:
// the log is applied again then, and says nothing of times.
//
// One line for each: "TERM.INDEX MILLISECONDS", of the id of its event and since 1970. What no line
// tells, since the process ended within a second of it, has the time at which it is applied again.
//
// Owner: the control loop's thread. Always: at most limits::events_max, the newest.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "master/events/event.hpp"

namespace tandem::master {

class ChangeTimes {
 public:
  // What an earlier process has kept; lines that are none, and all that follow, are left out.
  void read(std::string_view text);
  // When that change was applied first, which is `now` if that is unknown.
  Event::Time of(LogPosition position, Event::Time now);
  // Some were added since the last call of text().
  bool has_news() const { return has_news_; }
  std::string text();
  std::size_t size() const { return times_.size(); }

 private:
  std::map<LogPosition, Event::Time> times_;
  bool has_news_ = false;
};

}  // namespace tandem::master
