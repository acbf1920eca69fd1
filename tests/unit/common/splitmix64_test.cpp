// The numbers that everything random but a secret is made of.
#include <catch2/catch.hpp>

#include <map>

#include "common/base/splitmix64.hpp"

namespace tandem::splitmix64_test {

TEST_CASE("a seed gives the sequence that SplitMix64 gives everywhere") {
  // As other implementations give it for that seed (rosettacode.org, Pseudo-random numbers).
  SplitMix64 random(1234567);
  for (const auto expected : {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                              4593380528125082431u, 16408922859458223821u}) {
    CHECK(random.next() == expected);
  }
}

TEST_CASE("numbers below a bound are evenly spread, and never reach it") {
  SplitMix64 random(1);
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 70'000; ++i) ++counts[random.below(7)];
  CHECK(counts.size() == 7);
  CHECK(counts.rbegin()->first == 6);
  for (const auto& [number, count] : counts) CHECK(std::abs(count - 10'000) < 500);
  CHECK(random.below(1) == 0);
  CHECK(random.below(std::uint64_t{1} << 63) < std::uint64_t{1} << 63);
}

TEST_CASE("a duration up to another may be as long as that") {
  SplitMix64 random(1);
  CHECK(random.up_to(0ns) == 0ns);
  bool none = false, all = false;
  for (int i = 0; i < 1'000; ++i) {
    const auto length = random.up_to(2ns);
    CHECK((length >= 0ns && length <= 2ns));
    none = none || length == 0ns;
    all = all || length == 2ns;
  }
  CHECK((none && all));
}

TEST_CASE("a fraction is below one") {
  SplitMix64 random(1);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto fraction = random.unit();
    REQUIRE((fraction >= 0 && fraction < 1));
    sum += fraction;
  }
  CHECK(sum / 10'000 == Approx(0.5).margin(0.02));
}

}  // namespace tandem::splitmix64_test
