// repeat_filter.hpp: lines of the log that are repeated are counted, and told as one: "repeated 57
// times: " and the line.
//
// A line that says the same as the one before is counted, and the count is told before the next
// line. One that comes again between others is written a few times in ten seconds, since what goes
// to and fro must be seen in its order; what goes on beyond that is counted too, and told when the
// ten seconds are over, whether or not another line comes. Then it is written again.
//
// As many lines are known as the table has places. Where a line may be goes by its hash; a new one
// takes the place of that which came longest ago, whose count is told. Called by one thread, that
// of the log.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <spdlog/sinks/sink.h>

namespace tandem {

class RepeatFilter final : public spdlog::sinks::sink {
 public:
  static constexpr std::chrono::seconds window{10};
  static constexpr unsigned written_max = 8;           // of one line, in that time
  static constexpr std::size_t lines_max = 64;         // that are known
  static constexpr std::size_t places = 8;             // where one may be
  static constexpr std::size_t line_bytes_max = 4096;  // of one; a longer one is never counted

  explicit RepeatFilter(std::shared_ptr<spdlog::sinks::sink> to) : to_(std::move(to)) {}
  ~RepeatFilter() override;  // tells what was counted

  void log(const spdlog::details::log_msg& message) override;
  // To be called every few seconds: tells what was counted in a time that is over.
  void flush() override;
  void set_pattern(const std::string& pattern) override { to_->set_pattern(pattern); }
  void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
    to_->set_formatter(std::move(formatter));
  }

 private:
  using Time = spdlog::log_clock::time_point;
  struct Line {
    std::string text;
    spdlog::level::level_enum level = spdlog::level::off;
    Time since{};  // its ten seconds
    Time seen{};   // when it came the last time
    unsigned written = 0;
    std::uint64_t repeats = 0;  // that were not written
  };

  Line& place_of(const spdlog::details::log_msg& message, std::string_view text);
  void tell(Line& line);

  const std::shared_ptr<spdlog::sinks::sink> to_;
  std::array<Line, lines_max> lines_;
  Line* last_ = nullptr;  // that came; null: none that is known
};

}  // namespace tandem
