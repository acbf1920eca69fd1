#include "common/base/duration.hpp"

#include <catch2/catch.hpp>

namespace tandem::duration_test {

TEST_CASE("a duration is a number and its unit") {
  CHECK(*parse_duration("100ms", "x") == Duration(100ms));
  CHECK(*parse_duration("1s", "x") == Duration(1s));
  CHECK(*parse_duration("1.5s", "x") == Duration(1500ms));
  CHECK(*parse_duration("10m", "x") == Duration(10min));
  CHECK(*parse_duration("2h", "x") == Duration(2h));
  CHECK(*parse_duration("250us", "x") == Duration(250us));
  CHECK(*parse_duration("720h", "x") == Duration(720h));
}

TEST_CASE("what is no duration is refused by the name of its flag") {
  for (const auto* text : {"", "ms", "100", "-1s", "+1s", "1 s", "1.s", ".5s", "1..5s", "1s ", "1d",
                           "721h", "9999999999999999s", "0x10s", "1e3s"}) {
    INFO(text);
    const auto result = parse_duration(text, "--drain-timeout");
    REQUIRE(!result.ok());
    CHECK(result.error().field == "--drain-timeout");
    CHECK(result.error().message.find("--drain-timeout") == 0);
  }
}

TEST_CASE("a duration is written in its shortest exact form") {
  CHECK(to_string(Duration(1500ms)) == "1500ms");
  CHECK(to_string(Duration(2s)) == "2s");
  CHECK(to_string(Duration(10min)) == "10m");
  CHECK(to_string(Duration(0s)) == "0s");
  CHECK(to_string(Duration(7ns)) == "7ns");
}

}  // namespace tandem::duration_test
