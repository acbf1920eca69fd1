#include <catch2/catch.hpp>

#include "master/balance/slow_start.hpp"

namespace tandem::slow_start_test {

using tandem::master::SlowStart;

TEST_CASE("the share of a worker that joins grows linearly from a tenth to the whole") {
  const SlowStart start{.over = 10s};
  CHECK(start.part(0s) == 0.1);
  CHECK(start.part(1s) == 0.1);
  CHECK(start.part(5s) == 0.5);
  CHECK(start.part(9s) == 0.9);
  CHECK(start.part(10s) == 1);
  CHECK(start.part(1h) == 1);
}

TEST_CASE("nobody starts slowly in a service that is new itself, or when it is off") {
  const SlowStart start{.over = 10s};
  CHECK_FALSE(start.applies(0s));
  CHECK_FALSE(start.applies(9s));
  CHECK(start.applies(10s));
  CHECK_FALSE(SlowStart{.over = 0s}.applies(1h));
}

TEST_CASE("when most of a service has just joined, none of them is spared") {
  CHECK(SlowStart::can_be_spared(1, 2));
  CHECK(SlowStart::can_be_spared(0, 0));
  CHECK_FALSE(SlowStart::can_be_spared(2, 3));
  CHECK_FALSE(SlowStart::can_be_spared(1, 1));
}

}  // namespace tandem::slow_start_test
