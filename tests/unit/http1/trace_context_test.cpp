// traceparent and tracestate (W3C Trace Context §3).
#include "common/http1/trace_context.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace tandem::trace_context_test {
namespace {

const std::string trace = "0af7651916cd43dd8448eb211c80319c";
const std::string span = "b7ad6b7169203331";

bool is_sound(std::initializer_list<std::string> lines) {
  TracestateCheck check;
  for (const auto& line : lines) {
    if (!check.add(line)) return false;
  }
  return true;
}

std::string members(std::size_t count) {
  std::string text;
  for (std::size_t number = 0; number < count; ++number) {
    text += (number == 0 ? "k" : ",k") + std::to_string(number) + "=v";
  }
  return text;
}

}  // namespace

TEST_CASE("a traceparent is of one form") {
  const auto sound = "00-" + trace + "-" + span + "-01";
  CHECK(is_valid_traceparent(sound));
  CHECK(is_valid_traceparent("00-" + trace + "-" + span + "-ff"));
  CHECK(is_valid_traceparent("01-" + trace + "-" + span + "-01-more"));
  CHECK(is_valid_traceparent("01-" + trace + "-" + span + "-01"));
  for (const auto& broken :
       {std::string(), sound + "-", sound + "x", "01-" + trace + "-" + span + "-01more",
        "ff-" + trace + "-" + span + "-01", "0-" + trace + "-" + span + "-01",
        "0G-" + trace + "-" + span + "-01", "00-" + std::string(32, '0') + "-" + span + "-01",
        "00-" + trace + "-" + std::string(16, '0') + "-01",
        "00-" + std::string(32, 'A') + "-" + span + "-01",
        "00-" + trace + "-" + std::string(16, 'B') + "-01", "00-" + trace + "-" + span + "-0A",
        "00_" + trace + "-" + span + "-01", "00-" + trace + "_" + span + "-01",
        "00-" + trace + "-" + span + "_01", " " + sound, sound + " ", "00-" + trace + "-" + span}) {
    INFO(broken);
    CHECK_FALSE(is_valid_traceparent(broken));
  }
}

TEST_CASE("what a traceparent says is read, and written in version 00") {
  const auto read = read_traceparent("cc-" + trace + "-" + span + "-0b-more");
  CHECK(read.trace_text() == trace);
  CHECK(read.span_text() == span);
  CHECK(read.sampled);
  CHECK_FALSE(read_traceparent("00-" + trace + "-" + span + "-fe").sampled);
  const auto text = traceparent_of(read);
  CHECK(std::string(text.data(), text.size()) == "00-" + trace + "-" + span + "-01");
}

TEST_CASE("tracestate is a list of members with different keys") {
  CHECK(is_sound({"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}));
  CHECK(is_sound({"a=1", "b=2 , c=3\t,,", ""}));
  CHECK(is_sound({"0tenant@system=x", "a_-*/9=~!"}));
  CHECK_FALSE(is_sound({"a"}));
  CHECK_FALSE(is_sound({"a="}));
  CHECK_FALSE(is_sound({"=1"}));
  CHECK_FALSE(is_sound({"A=1"}));
  CHECK_FALSE(is_sound({"0a=1"}));
  CHECK_FALSE(is_sound({"a=1=2"}));
  CHECK_FALSE(is_sound({"a @b=1"}));
  CHECK_FALSE(is_sound({"t@0s=1"}));
  CHECK_FALSE(is_sound({"a@b@c=1"}));
  CHECK_FALSE(is_sound({"a=\x01"}));
  CHECK_FALSE(is_sound({"a=\xc3\xa4"}));
  CHECK_FALSE(is_sound({"a=1,a=2"}));
  CHECK_FALSE(is_sound({"a=1", "b=2", "a=3"}));
}

TEST_CASE("tracestate has at most 32 members and 512 bytes") {
  CHECK(is_sound({members(32)}));
  CHECK_FALSE(is_sound({members(33)}));
  CHECK_FALSE(is_sound({members(32), "one=more"}));
  CHECK(is_sound({"a=" + std::string(254, 'x'), "b=" + std::string(254, 'x')}));
  CHECK_FALSE(is_sound({"a=" + std::string(254, 'x'), "b=" + std::string(255, 'x')}));
  CHECK_FALSE(is_sound({std::string(600, ',')}));
}

}  // namespace tandem::trace_context_test
