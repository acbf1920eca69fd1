// What a setting may be at least and at most, and that nothing beyond it is taken.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "common/base/duration.hpp"
#include "common/wire/service_settings.hpp"

namespace tandem::wire::service_settings_limits_test {
namespace {

// The last value that is taken, and the first that is not, at each end.
struct Range {
  const char* key;
  const char* below;
  const char* least;
  const char* most;
  const char* beyond;
};

constexpr Range durations[] = {
    {"connect_timeout", "0ms", "1ms", "1m", "61s"},
    {"response_timeout", "0ms", "1ms", "24h", "25h"},
    {"idle_timeout", "0ms", "1ms", "24h", "25h"},
    {"request_timeout", "-1ms", "0ms", "24h", "25h"},
    {"retry_backoff", "-1ms", "0ms", "10s", "10001ms"},
    {"slow_start", "-1ms", "0s", "1h", "61m"},
    {"queue_timeout", "-1ms", "0ms", "10m", "601s"},
    {"check_interval", "9ms", "10ms", "1h", "61m"},
    {"check_timeout", "9ms", "10ms", "1m", "61s"},
};
constexpr Range numbers[] = {
    {"attempts", "0", "1", "10", "11"},
    {"eject_after", "-1", "0", "1000", "1001"},
    {"retry_budget", "-1", "0", "100", "101"},
    {"in_flight", "-1", "0", "1000000", "1000001"},
    {"worker_in_flight", "-1", "0", "65535", "65536"},
    {"queue", "-1", "0", "65536", "65537"},
    {"check_healthy", "0", "1", "100", "101"},
    {"check_unhealthy", "0", "1", "100", "101"},
};
constexpr Range texts[] = {
    {"hedge_after", "0ms", "1ms", "1m", "61s"},
    {"eject_success_rate", "0.499", "0.5", "10", "10.001"},
    {"check_status", "99", "100", "599", "600"},
    {"retry_on", "399", "400", "599", "600"},
};

void check_on_a_command_line(const Range& range) {
  for (const auto* value : {range.least, range.most}) {
    INFO(range.key << "=" << value);
    ServiceSettings settings;
    REQUIRE(parse_setting(fmt::format("{}={}", range.key, value), "--service", settings));
    const auto read = parse_service_settings(to_json(settings));
    REQUIRE(read);
    CHECK(*read == settings);
  }
  for (const auto* value : {range.below, range.beyond}) {
    INFO(range.key << "=" << value);
    ServiceSettings settings;
    const auto refused =
        parse_setting(fmt::format("{}={}", range.key, value), "--service", settings);
    REQUIRE_FALSE(refused.ok());
    CHECK_THAT(refused.error().message,
               Catch::StartsWith(fmt::format("--service: {} must be", range.key)) &&
                   Catch::EndsWith(fmt::format("not \"{}\"", value)));
    CHECK(settings == ServiceSettings());
  }
}

void check_in_a_document(const std::string& member, const std::string& value, bool fits) {
  const auto document = fmt::format(R"({{"{}": {}}})", member, value);
  INFO(document);
  const auto read = parse_service_settings(document);
  CHECK(read.ok() == fits);
  if (!read) CHECK(read.error().field == member);
}

std::string whole_ms(const char* text) {
  const auto duration = parse_duration(text, "");
  return duration ? std::to_string(to_ms(*duration)) : "-1";
}

}  // namespace

TEST_CASE("a setting takes its least and its most on a command line, and nothing beyond") {
  for (const auto& range : durations) check_on_a_command_line(range);
  for (const auto& range : numbers) check_on_a_command_line(range);
  for (const auto& range : texts) check_on_a_command_line(range);
}

TEST_CASE("a setting takes its least and its most in a document, and nothing beyond") {
  for (const auto& range : durations) {
    const auto member = fmt::format("{}_ms", range.key);
    check_in_a_document(member, whole_ms(range.below), false);
    check_in_a_document(member, whole_ms(range.least), true);
    check_in_a_document(member, whole_ms(range.most), true);
    check_in_a_document(member, whole_ms(range.beyond), false);
  }
  for (const auto& range : numbers) {
    check_in_a_document(range.key, range.below, false);
    check_in_a_document(range.key, range.least, true);
    check_in_a_document(range.key, range.most, true);
    check_in_a_document(range.key, range.beyond, false);
  }
}

TEST_CASE("a number that no number can hold is refused like any other that is too large") {
  for (const auto* value :
       {"4294967296", "99999999999999999999999999", "1e3", "0x10", " 1", "+1"}) {
    INFO(value);
    ServiceSettings settings;
    CHECK_FALSE(parse_setting(fmt::format("queue={}", value), "--service", settings));
    CHECK_FALSE(parse_setting(fmt::format("request_timeout={}h", value), "--service", settings));
  }
  for (const auto* value : {"4294967296", "18446744073709551616", "1e3", "1.5"}) {
    check_in_a_document("queue", value, false);
    check_in_a_document("request_timeout_ms", value, false);
  }
}

}  // namespace tandem::wire::service_settings_limits_test
