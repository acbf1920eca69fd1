// How many requests one client may send, and how many clients fit in how much memory.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <memory>

#include "master/forward/exchange/rate_limiter.hpp"

namespace tandem::rate_limiter_test {

using tandem::master::parse_rate_limit;
using tandem::master::parse_rate_limit_key;
using tandem::master::RateLimiter;

namespace {

Instant at(Duration since_start) { return Instant(1h + since_start); }

int admitted(RateLimiter& limiter, std::string_view client, Instant now, int requests) {
  int count = 0;
  for (int i = 0; i < requests; ++i) count += limiter.admit(client, now) == Duration::zero();
  return count;
}

}  // namespace

TEST_CASE("a client may send a burst at once, and then as many as the rate allows") {
  RateLimiter limiter({.per_second = 10, .burst = 20}, 1);
  CHECK(admitted(limiter, "192.0.2.1", at(0s), 100) == 20);
  CHECK(admitted(limiter, "192.0.2.1", at(1s), 100) == 10);
  CHECK(admitted(limiter, "192.0.2.1", at(1h), 100) == 20);
}

TEST_CASE("a refusal says when the next request may come, and is right") {
  RateLimiter limiter({.per_second = 10, .burst = 1}, 1);
  CHECK(limiter.admit("192.0.2.1", at(0s)) == Duration::zero());
  const auto wait = limiter.admit("192.0.2.1", at(30ms));
  CHECK(wait == 70ms);
  CHECK(limiter.admit("192.0.2.1", at(30ms + wait - 1ms)) > Duration::zero());
  CHECK(limiter.admit("192.0.2.1", at(30ms + wait)) == Duration::zero());
}

TEST_CASE("one client's requests do not count against another's") {
  RateLimiter limiter({.per_second = 1, .burst = 5}, 1);
  CHECK(admitted(limiter, "192.0.2.1", at(0s), 10) == 5);
  CHECK(admitted(limiter, "192.0.2.2", at(0s), 10) == 5);
}

TEST_CASE("IPv6 clients are told apart by their networks of 64 bits") {
  RateLimiter limiter({.per_second = 1, .burst = 5}, 1);
  CHECK(admitted(limiter, "2001:db8:0:1::1", at(0s), 10) == 5);
  CHECK(admitted(limiter, "2001:db8:0:1:ffff::2", at(0s), 10) == 0);
  CHECK(admitted(limiter, "2001:db8:0:2::1", at(0s), 10) == 5);
}

TEST_CASE("a million clients pass through, and one that sends too much is still known") {
  RateLimiter limiter({.per_second = 1, .burst = 100}, 7);
  CHECK(admitted(limiter, "192.0.2.1", at(0s), 200) == 100);
  int again = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const auto stranger = fmt::format("10.{}.{}.{}", i >> 16, (i >> 8) & 255, i & 255);
    REQUIRE(limiter.admit(stranger, at(1ms)) == Duration::zero());
    if (i % 10'000 == 0) again += admitted(limiter, "192.0.2.1", at(1ms), 1);
  }
  CHECK(again == 0);
}

TEST_CASE("a header's values are told apart to their ends, and are no addresses") {
  RateLimiter limiter({.per_second = 1, .burst = 5}, 1);
  for (const auto* value : {"2001:db8:0:1::1", "2001:db8:0:1::2", "192.0.2.1", "a", "A"}) {
    INFO(value);
    int count = 0;
    for (int i = 0; i < 10; ++i) {
      count += limiter.admit_by_value(value, at(0s)) == Duration::zero();
    }
    CHECK(count == 5);
  }
  CHECK(admitted(limiter, "192.0.2.1", at(0s), 10) == 5);
  CHECK(admitted(limiter, "2001:db8:0:1::1", at(0s), 10) == 5);
}

TEST_CASE("a million values of a header pass through, and one that comes too often stays known") {
  RateLimiter limiter({.per_second = 1, .burst = 100}, 7);
  for (int i = 0; i < 100; ++i) REQUIRE(limiter.admit_by_value("busy", at(0s)) == 0s);
  int again = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    REQUIRE(limiter.admit_by_value(fmt::format("key-{}", i), at(1ms)) == Duration::zero());
    if (i % 10'000 == 0) again += limiter.admit_by_value("busy", at(1ms)) == Duration::zero();
  }
  CHECK(again == 0);
}

TEST_CASE("the slowest rate with the greatest burst, and the quickest, count right") {
  RateLimiter slowest(*parse_rate_limit("0.001:1000000", "--rate-limit"), 1);
  CHECK(admitted(slowest, "192.0.2.1", at(0s), 1'000'001) == 1'000'000);
  CHECK(slowest.admit("192.0.2.1", at(0s)) == 1'000s);
  CHECK(admitted(slowest, "192.0.2.1", at(1'000s), 2) == 1);
  RateLimiter lone(*parse_rate_limit("0.001:1", "--rate-limit"), 1);
  CHECK(admitted(lone, "192.0.2.1", at(0s), 2) == 1);
  RateLimiter quickest(*parse_rate_limit("1000000:1", "--rate-limit"), 1);
  CHECK(admitted(quickest, "192.0.2.1", at(0s), 2) == 1);
  CHECK(quickest.admit("192.0.2.1", at(1us)) == 0s);
}

TEST_CASE("what one client is may be said by its address, a header or a cookie") {
  using tandem::wire::KeySource;
  CHECK(parse_rate_limit_key("address", "--rate-limit-key")->source == KeySource::address);
  CHECK(parse_rate_limit_key("header=X-Key", "--rate-limit-key")->source == KeySource::header);
  CHECK(parse_rate_limit_key("header=X-Key", "--rate-limit-key")->name == "X-Key");
  CHECK(parse_rate_limit_key("cookie=sid", "--rate-limit-key")->source == KeySource::cookie);
  for (const auto* text : {"", "path", "header", "header=", "header=a b", "header:X-Key", "ip"}) {
    INFO(text);
    const auto refused = parse_rate_limit_key(text, "--rate-limit-key");
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.starts_with(
        "--rate-limit-key must be address, header=NAME or cookie=NAME, not"));
  }
}

TEST_CASE("a rate limit is a rate, or a rate and a burst") {
  CHECK(parse_rate_limit("100", "--rate-limit")->per_second == 100);
  CHECK(parse_rate_limit("100", "--rate-limit")->burst == 100);
  CHECK(parse_rate_limit("0.5", "--rate-limit")->burst == 1);
  CHECK(parse_rate_limit("100:250", "--rate-limit")->burst == 250);
  CHECK(parse_rate_limit("0.001:1", "--rate-limit")->per_second == 0.001);
  CHECK(parse_rate_limit("1000000:1000000", "--rate-limit")->burst == 1'000'000);
  for (const auto* text : {"", "0", "-1", "fast", "10:", "10:0", "10:0.5", "10:x", "1e9", "nan",
                           "inf", "0.0009", "1e-300", "1000001", "10:1000001"}) {
    INFO(text);
    const auto refused = parse_rate_limit(text, "--rate-limit");
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.find("REQUESTS_PER_SECOND") != std::string::npos);
  }
}

}  // namespace tandem::rate_limiter_test
