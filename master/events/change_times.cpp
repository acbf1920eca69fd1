#include "master/events/change_times.hpp"

#include <charconv>
#include <chrono>
#include <iterator>

#include <fmt/format.h>

#include "master/events/limits.hpp"

namespace tandem::master {

void ChangeTimes::read(std::string_view text) {
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const auto space = line.find(' ');
    if (space == line.npos) return;
    const auto id = parse_event_id(line.substr(0, space));
    std::int64_t ms = 0;
    const auto* const stop = line.data() + line.size();
    const auto number = std::from_chars(line.data() + space + 1, stop, ms);
    const bool is_line = id && !id->is_local() && number.ec == std::errc() && number.ptr == stop;
    if (!is_line || ms < 0) return;
    times_[id->position] = Event::Time(std::chrono::milliseconds(ms));
    if (times_.size() > limits::events_max) times_.erase(times_.begin());
  }
}

Event::Time ChangeTimes::of(LogPosition position, Event::Time now) {
  const auto [known, is_new] = times_.try_emplace(position, now);
  const auto time = known->second;
  if (is_new) has_news_ = true;
  if (times_.size() > limits::events_max) times_.erase(times_.begin());
  return time;
}

std::string ChangeTimes::text() {
  has_news_ = false;
  std::string text;
  for (const auto& [position, time] : times_) {
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
    fmt::format_to(std::back_inserter(text), "{} {}\n", to_string(EventId{.position = position}),
                   ms);
  }
  return text;
}

}  // namespace tandem::master
