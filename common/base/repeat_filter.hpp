// repeat_filter.hpp: lines of the log that say the same as the one before are counted, and told as
// one: "repeated 57 times: " and the line.
//
// A line counts as a repetition for ten seconds after it was written; then it is written again, so
// that what goes on is seen to go on. What was counted is told before the next line, and at the
// end. Called by one thread, that of the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <spdlog/sinks/sink.h>

namespace tandem {

class RepeatFilter final : public spdlog::sinks::sink {
 public:
  explicit RepeatFilter(std::shared_ptr<spdlog::sinks::sink> to) : to_(std::move(to)) {}

  void log(const spdlog::details::log_msg& message) override;
  void flush() override;
  void set_pattern(const std::string& pattern) override { to_->set_pattern(pattern); }
  void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
    to_->set_formatter(std::move(formatter));
  }

  static constexpr std::chrono::seconds window{10};

 private:
  void tell();

  const std::shared_ptr<spdlog::sinks::sink> to_;
  std::string last_;
  spdlog::level::level_enum level_ = spdlog::level::off;
  spdlog::log_clock::time_point written_{};   // when the last line was
  spdlog::log_clock::time_point repeated_{};  // when it came the last time
  std::uint64_t repeats_ = 0;                 // that were not written
};

}  // namespace tandem
