// What the log tells of those that are refused, however often they come.
#include <sstream>

#include <catch2/catch.hpp>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "common/access/limits.hpp"
#include "common/access/refusal_log.hpp"

namespace tandem::refusal_log_test {

using namespace std::chrono_literals;

namespace {

struct Captured {
  Captured() {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text);
    sink->set_pattern("%v");
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("captured", std::move(sink)));
    spdlog::set_level(spdlog::level::info);
  }
  ~Captured() {
    spdlog::set_default_logger(before);
    spdlog::set_level(level);
  }
  std::size_t lines() const {
    const auto all = text.str();
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), '\n'));
  }
  bool has(std::string_view part) const { return text.str().find(part) != std::string::npos; }

  std::ostringstream text;
  std::shared_ptr<spdlog::logger> before = spdlog::default_logger();
  spdlog::level::level_enum level = spdlog::get_level();
};

Instant at(Duration time) { return Instant() + time; }

}  // namespace

TEST_CASE("a refusal is told at once, and the same again after a minute") {
  Captured log;
  access::RefusalLog refusals("request refused");
  refusals.refused("10.0.0.1", "no token", at(1s));
  refusals.refused("10.0.0.1", "no token", at(2s));
  CHECK(log.text.str() == "request refused from=10.0.0.1 reason=\"no token\"\n");
  refusals.refused("10.0.0.1", "no token", at(61s));
  CHECK(log.lines() == 2);
}

TEST_CASE("a minute has a limited number of refusals, and the rest is counted") {
  Captured log;
  access::RefusalLog refusals("request refused");
  for (std::size_t i = 0; i < limits::refusal_lines_max + 7; ++i) {
    refusals.refused("10.0.0.1", fmt::format("reason {}", i), at(1s));
  }
  CHECK(log.lines() == limits::refusal_lines_max);
  refusals.refused("10.0.0.1", "later", at(62s));
  CHECK(log.lines() == limits::refusal_lines_max + 2);
  CHECK(log.has("which are not told count=7"));
}

TEST_CASE("what a stranger sent stays in its line") {
  Captured log;
  access::RefusalLog refusals("request refused");
  refusals.refused("10.0.0.1", "GET /\n\x1b[2J", at(1s));
  CHECK(log.lines() == 1);
  CHECK(!log.has("\x1b"));
}

}  // namespace tandem::refusal_log_test
