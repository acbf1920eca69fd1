// How an operator says which policy: --balance.
#include <catch2/catch.hpp>

#include "common/wire/policy_spec.hpp"

namespace tandem::wire::policy_spec_test {

TEST_CASE("a policy is named, and consistent_hash says by what it tells requests apart") {
  CHECK(parse_policy("round_robin", "--balance")->name == PolicyName::round_robin);
  CHECK(parse_policy("p2c", "--balance")->name == PolicyName::p2c);
  CHECK(parse_policy("consistent_hash", "--balance")->key.source == KeySource::address);
  CHECK(parse_policy("consistent_hash:address", "--balance")->key.source == KeySource::address);
  CHECK(parse_policy("consistent_hash:path", "--balance")->key.source == KeySource::path);
  const auto by_header = parse_policy("consistent_hash:header=X-User", "--balance");
  CHECK(by_header->key.source == KeySource::header);
  CHECK(by_header->key.name == "X-User");
  const auto by_cookie = parse_policy("consistent_hash:cookie=sid", "--balance");
  CHECK(by_cookie->key.source == KeySource::cookie);
  CHECK(by_cookie->key.name == "sid");
}

TEST_CASE("a policy that does not exist is refused with the names of those that do") {
  const auto refused = parse_policy("fastest", "--balance");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message ==
        "--balance must be round_robin, random, least_connections, p2c, consistent_hash or "
        "first_available, not \"fastest\"");
}

TEST_CASE("a key that makes no sense is refused") {
  for (const auto* text : {"consistent_hash:", "consistent_hash:header", "consistent_hash:header=",
                           "consistent_hash:cookie=a b", "consistent_hash:path=x",
                           "consistent_hash:body", "consistent_hash:header=X:Y"}) {
    INFO(text);
    const auto refused = parse_policy(text, "--balance");
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.find("header=NAME") != std::string::npos);
  }
  CHECK_FALSE(parse_policy("p2c:path", "--balance").ok());
}

}  // namespace tandem::wire::policy_spec_test
