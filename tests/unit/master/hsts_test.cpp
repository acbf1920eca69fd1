// Strict-Transport-Security as an operator writes it.
#include <catch2/catch.hpp>

#include "master/forward/http/hsts.hpp"

namespace tandem::master::hsts_test {
namespace {

std::string parsed(std::string_view text) {
  const auto policy = parse_hsts(text, "f");
  return policy ? *policy : "refused";
}

}  // namespace

TEST_CASE("a policy of HSTS is an age, and what it covers") {
  CHECK(parsed("max-age=31536000") == "max-age=31536000");
  CHECK(parsed("max-age=0") == "max-age=0");
  CHECK(parsed("Max-Age=1 ;includesubdomains") == "max-age=1; includeSubDomains");
  CHECK(parsed("preload; includeSubDomains; max-age=7") == "max-age=7; includeSubDomains; preload");
}

TEST_CASE("what is no policy of HSTS is refused, and nothing gets into the field by it") {
  for (const auto* text :
       {"", "31536000", "max-age", "max-age=", "max-age=1y", "max-age=-1", "max-age=1;",
        "max-age=1; max-age=2", "includeSubDomains", "max-age=1; preload; preload",
        "max-age=99999999999", "max-age=1; other", "max-age=1\r\nX: y", "max-age=\"1\""}) {
    INFO(text);
    CHECK_FALSE(parse_hsts(text, "f"));
  }
}

}  // namespace tandem::master::hsts_test
