#include "common/wire/sticky_spec.hpp"

#include <catch2/catch.hpp>

namespace tandem::wire::sticky_spec_test {

TEST_CASE("what is said of a sticky cookie survives being written and read") {
  for (const auto* text : {"", "seat", "seat; Max-Age=1", "seat; Max-Age=34560000; SameSite=None",
                           "seat; SameSite=Strict; Domain=shop.example; Path=/a"}) {
    const auto spec = parse_sticky(text);
    REQUIRE(spec);
    CHECK(to_string(*spec) == text);
  }
}

TEST_CASE("a sticky cookie may be written in any order and case, and says no more than it must") {
  const auto spec = parse_sticky("seat;path=/ ;  max-age = 60;samesite=lax");
  REQUIRE(spec);
  CHECK(spec->max_age == 60u);
  CHECK(to_string(*spec) == "seat; Max-Age=60");
}

TEST_CASE("what is no sticky cookie is refused") {
  for (const auto* text : {"a b",
                           ";",
                           "seat;",
                           "seat; Max-Age",
                           "seat; Max-Age=",
                           "seat; Max-Age=0",
                           "seat; Max-Age=-1",
                           "seat; Max-Age=34560001",
                           "seat; Max-Age=1d",
                           "seat; SameSite=",
                           "seat; SameSite=Maybe",
                           "seat; Domain=",
                           "seat; Domain=a b",
                           "seat; Domain=a,b",
                           "seat; Path=",
                           "seat; Path=a",
                           "seat; Path=/\x01",
                           "seat; Secure",
                           "seat; HttpOnly",
                           "seat=1"}) {
    INFO(text);
    CHECK_FALSE(parse_sticky(text));
  }
}

}  // namespace tandem::wire::sticky_spec_test
