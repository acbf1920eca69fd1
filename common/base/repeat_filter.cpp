#include "common/base/repeat_filter.hpp"

#include <fmt/format.h>

namespace tandem {

void RepeatFilter::log(const spdlog::details::log_msg& message) {
  const std::string_view text(message.payload.data(), message.payload.size());
  if (message.level == level_ && text == last_ && message.time - written_ < window) {
    ++repeats_;
    repeated_ = message.time;
    return;
  }
  tell();
  to_->log(message);
  last_ = text;
  level_ = message.level;
  written_ = message.time;
}

void RepeatFilter::flush() {
  tell();
  to_->flush();
}

void RepeatFilter::tell() {
  if (repeats_ == 0) return;
  const auto text = repeats_ == 1 ? last_ : fmt::format("repeated {} times: {}", repeats_, last_);
  repeats_ = 0;
  to_->log(spdlog::details::log_msg(repeated_, spdlog::source_loc{}, "tandem", level_, text));
}

}  // namespace tandem
