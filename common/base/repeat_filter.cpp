#include "common/base/repeat_filter.hpp"

#include <functional>
#include <string_view>

#include <fmt/format.h>

namespace tandem {

RepeatFilter::~RepeatFilter() {
  for (auto& line : lines_) tell(line);
  to_->flush();
}

// Its own, or that which it takes.
RepeatFilter::Line& RepeatFilter::place_of(const spdlog::details::log_msg& message,
                                           std::string_view text) {
  const auto first = std::hash<std::string_view>()(text);
  auto* oldest = &lines_[first % lines_max];
  for (std::size_t i = 0; i < places; ++i) {
    auto& line = lines_[(first + i) % lines_max];
    if (message.level == line.level && text == line.text) return line;
    if (line.seen < oldest->seen) oldest = &line;
  }
  return *oldest;
}

void RepeatFilter::log(const spdlog::details::log_msg& message) {
  const std::string_view text(message.payload.data(), message.payload.size());
  auto& line = place_of(message, text);
  const bool is_known =
      message.level == line.level && text == line.text && message.time - line.since < window;
  const bool follows_itself = is_known && last_ == &line;
  if (!follows_itself && last_ != nullptr && last_->written < written_max) tell(*last_);
  last_ = &line;
  if (is_known && (follows_itself || line.written >= written_max)) {
    ++line.repeats;
    line.seen = message.time;
    return;
  }
  if (!is_known) {
    tell(line);
    const bool is_short = text.size() <= line_bytes_max;
    line.text = is_short ? text : std::string_view();
    line.level = is_short ? message.level : spdlog::level::off;
    line.since = line.seen = message.time;
    line.written = 0;
  }
  to_->log(message);
  ++line.written;
}

void RepeatFilter::flush() {
  const auto now = spdlog::log_clock::now();
  for (auto& line : lines_) {
    if (now - line.since >= window) tell(line);
  }
  to_->flush();
}

void RepeatFilter::tell(Line& line) {
  if (line.repeats == 0) return;
  const auto text =
      line.repeats == 1 ? line.text : fmt::format("repeated {} times: {}", line.repeats, line.text);
  line.repeats = 0;
  ++line.written;
  to_->log(spdlog::details::log_msg(line.seen, spdlog::source_loc{}, "tandem", line.level, text));
}

}  // namespace tandem
