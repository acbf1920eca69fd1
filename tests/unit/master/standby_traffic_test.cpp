#include <catch2/catch.hpp>

#include "master/forward/exchange/standby_traffic.hpp"

namespace tandem::master::standby_traffic_test {

TEST_CASE("standby traffic is forward, redirect, refuse or serve") {
  CHECK(*parse_standby_traffic("forward", "--standby-traffic") == StandbyTraffic::forward);
  CHECK(*parse_standby_traffic("serve", "--standby-traffic") == StandbyTraffic::serve);
  CHECK(*parse_standby_traffic("redirect", "--standby-traffic") == StandbyTraffic::redirect);
  CHECK(*parse_standby_traffic("refuse", "--standby-traffic") == StandbyTraffic::refuse);
}

TEST_CASE("another word is refused with those there are") {
  for (const auto* word : {"", "Forward", "drop", "forward "}) {
    const auto parsed = parse_standby_traffic(word, "--standby-traffic");
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().message.find(
              "--standby-traffic must be forward, redirect, refuse or serve") == 0);
  }
}

}  // namespace tandem::master::standby_traffic_test
