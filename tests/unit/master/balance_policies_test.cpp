// What holds for every policy, and what each promises, with fixed seeds.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "balance_fixture.hpp"
#include "common/base/splitmix64.hpp"

namespace tandem::test::balance_policies_test {

using namespace tandem::master;

TEST_CASE("every policy chooses nothing among nobody, and nothing when nobody is usable") {
  for (const auto& each : wire::policies) {
    INFO(each.name);
    const auto policy = policy_of(each.policy);
    Workers nobody({});
    CHECK_FALSE(nobody.pick(*policy).has_value());
    policy->update(nobody.candidates());
    CHECK_FALSE(nobody.pick(*policy).has_value());
    Workers workers({1, 1, 1});
    policy->update(workers.candidates());
    for (std::size_t place = 0; place < 3; ++place) workers.set_usable(place, false);
    CHECK_FALSE(workers.pick(*policy).has_value());
    workers.set_usable(1, true);
    CHECK(workers.pick(*policy) == std::size_t{1});
  }
}

TEST_CASE("no policy ever chooses who is not usable, however few are, while workers come and go") {
  for (const auto& each : wire::policies) {
    INFO(each.name);
    const auto policy = policy_of(each.policy, 11);
    SplitMix64 chance(5);
    Workers workers(std::vector<double>(60, 100));
    std::vector<std::size_t> in_flight;
    for (int round = 0; round < 200; ++round) {
      if (round % 10 == 0) {
        for (const auto place : in_flight) workers.end(*policy, place);
        in_flight.clear();
        workers.remove(chance.below(workers.size()));
        workers.add(static_cast<double>(1 + chance.below(1000)));
        policy->update(workers.candidates());
      }
      std::vector<bool> usable(workers.size());
      for (std::size_t place = 0; place < workers.size(); ++place) {
        usable[place] = chance.below(20) < static_cast<std::size_t>(round % 20);
        workers.set_usable(place, usable[place]);
      }
      const bool any = std::count(usable.begin(), usable.end(), true) > 0;
      for (int i = 0; i < 50; ++i) {
        const auto chosen = workers.pick(*policy, chance.next());
        REQUIRE(chosen.has_value() == any);
        if (!chosen) continue;
        REQUIRE(usable[*chosen]);
        workers.begin(*policy, *chosen);
        in_flight.push_back(*chosen);
      }
    }
  }
}

TEST_CASE("every policy that spreads does so by weight") {
  for (const auto name :
       {tandem::wire::PolicyName::round_robin, tandem::wire::PolicyName::random,
        tandem::wire::PolicyName::p2c, tandem::wire::PolicyName::least_connections}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      INFO(to_string(name) << " seed " << seed);
      const auto policy = policy_of(name, seed);
      Workers workers({100, 200, 300, 400, 500, 500});
      policy->update(workers.candidates());
      const auto chosen = workers.spread(*policy, 20'000);
      for (std::size_t place = 0; place < workers.size(); ++place) {
        const double share = workers.candidates()[place].weight / 2000;
        // Three standard deviations of a lot of that share.
        const double tolerance = 3 * std::sqrt(20'000 * share * (1 - share));
        CHECK(std::abs(chosen.at(place) - 20'000 * share) <= tolerance);
      }
    }
  }
}

TEST_CASE("a weight that is changed counts from then on") {
  for (const auto name :
       {tandem::wire::PolicyName::round_robin, tandem::wire::PolicyName::random,
        tandem::wire::PolicyName::p2c, tandem::wire::PolicyName::least_connections}) {
    INFO(to_string(name));
    const auto policy = policy_of(name, 3);
    Workers workers({100, 100});
    policy->update(workers.candidates());
    workers.spread(*policy, 1'000);
    workers.set_weight(0, 10);
    policy->update(workers.candidates());
    CHECK(std::abs(workers.spread(*policy, 11'000).at(0) - 1'000) < 100);
  }
}

TEST_CASE("round robin gives each worker exactly its share, whatever the seed") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto policy = policy_of(tandem::wire::PolicyName::round_robin, seed);
    Workers workers({1, 1, 1});
    policy->update(workers.candidates());
    const auto chosen = workers.spread(*policy, 300);
    for (std::size_t place = 0; place < 3; ++place) CHECK(chosen.at(place) == 100);
  }
}

TEST_CASE("round robin follows weights, smoothly") {
  const auto policy = policy_of(tandem::wire::PolicyName::round_robin, 7);
  Workers workers({500, 300, 200});
  policy->update(workers.candidates());
  std::map<std::size_t, int> seen;
  std::size_t longest_run = 0, run = 0, before = 3;
  for (int i = 0; i < 1000; ++i) {
    const auto place = workers.pick(*policy).value();
    ++seen[place];
    run = place == before ? run + 1 : 1;
    before = place;
    longest_run = std::max(longest_run, run);
  }
  CHECK(std::abs(seen[0] - 500) <= 1);
  CHECK(std::abs(seen[1] - 300) <= 1);
  CHECK(std::abs(seen[2] - 200) <= 1);
  CHECK(longest_run <= 2);
}

TEST_CASE("a worker that was unusable does not get the turns that it missed") {
  const auto policy = policy_of(tandem::wire::PolicyName::round_robin, 3);
  Workers workers({1, 1});
  policy->update(workers.candidates());
  workers.set_usable(1, false);
  workers.spread(*policy, 1000);
  workers.set_usable(1, true);
  const auto chosen = workers.spread(*policy, 10);
  CHECK(std::abs(chosen.at(0) - chosen.at(1)) <= 1);
}

TEST_CASE("a worker that joins takes its share from then on, and no more") {
  for (const auto name :
       {tandem::wire::PolicyName::round_robin, tandem::wire::PolicyName::least_connections}) {
    INFO(to_string(name));
    const auto policy = policy_of(name, 3);
    Workers workers({1, 1});
    policy->update(workers.candidates());
    workers.spread(*policy, 1001);
    workers.add(1);
    policy->update(workers.candidates());
    const auto chosen = workers.spread(*policy, 30);
    for (std::size_t place = 0; place < 3; ++place) CHECK(std::abs(chosen.at(place) - 10) <= 1);
  }
}

TEST_CASE("round robin serves a light worker alone while a heavy one is unusable") {
  const auto policy = policy_of(tandem::wire::PolicyName::round_robin, 3);
  Workers workers({1000, 1, 1});
  policy->update(workers.candidates());
  workers.set_usable(0, false);
  const auto chosen = workers.spread(*policy, 5000);
  CHECK(std::abs(chosen.at(1) - chosen.at(2)) < 2500);
  CHECK(chosen.count(0) == 0);
}

TEST_CASE("least connections follows what is in flight, relative to weight") {
  Workers workers({100, 100, 200});
  const auto policy = policy_of(tandem::wire::PolicyName::least_connections);
  policy->update(workers.candidates());
  workers.in_flight(0) = 4;
  workers.in_flight(1) = 6;
  workers.in_flight(2) = 7;
  policy->update(workers.candidates());
  CHECK(workers.pick(*policy) == std::size_t{2});
  workers.in_flight(2) = 12;  // by another loop
  CHECK(workers.pick(*policy) == std::size_t{0});
}

TEST_CASE("least connections finds the least loaded among many, as requests begin and end") {
  Workers workers(std::vector<double>(100, 1));
  const auto policy = policy_of(tandem::wire::PolicyName::least_connections, 9);
  policy->update(workers.candidates());
  SplitMix64 chance(3);
  std::vector<std::size_t> in_flight;
  for (int i = 0; i < 5000; ++i) {
    std::uint32_t least = UINT32_MAX;
    for (std::size_t place = 0; place < 100; ++place) {
      least = std::min(least, workers.in_flight(place).load());
    }
    const auto chosen = workers.pick(*policy).value();
    REQUIRE(workers.in_flight(chosen) == least);
    workers.begin(*policy, chosen);
    in_flight.push_back(chosen);
    while (in_flight.size() > 300) {
      const auto one = chance.below(in_flight.size());
      workers.end(*policy, in_flight[one]);
      in_flight.erase(in_flight.begin() + static_cast<std::ptrdiff_t>(one));
    }
  }
}

TEST_CASE("least connections notices within some picks that another loop has left a worker") {
  Workers workers(std::vector<double>(10, 1));
  for (std::size_t place = 0; place < 10; ++place) workers.in_flight(place) = 5;
  const auto policy = policy_of(tandem::wire::PolicyName::least_connections);
  policy->update(workers.candidates());
  workers.in_flight(7) = 0;
  bool noticed = false;
  for (int i = 0; i < 5 && !noticed; ++i) noticed = workers.pick(*policy) == std::size_t{7};
  CHECK(noticed);
}

TEST_CASE("least connections takes idle equals in turn") {
  Workers workers({1, 1, 1, 1});
  const auto policy = policy_of(tandem::wire::PolicyName::least_connections);
  policy->update(workers.candidates());
  for (const auto& [place, count] : workers.spread(*policy, 40)) CHECK(count == 10);
}

TEST_CASE("first available fills workers in their order, and comes back to the first") {
  Workers workers({1, 1, 1});
  const auto policy = policy_of(tandem::wire::PolicyName::first_available);
  policy->update(workers.candidates());
  CHECK(workers.spread(*policy, 50).at(0) == 50);
  workers.begin(*policy, 0);
  workers.set_usable(0, false);  // full
  CHECK(workers.spread(*policy, 10).at(1) == 10);
  workers.set_usable(0, true);
  workers.end(*policy, 0);
  CHECK(workers.pick(*policy) == std::size_t{0});
  workers.set_usable(0, false);
  workers.spread(*policy, 10);
  workers.set_usable(0, true);  // by another loop: this one is not told
  CHECK(workers.spread(*policy, 100).at(0) >= 80);
}

TEST_CASE("what one request failed at stays first available for the others") {
  Workers workers({1, 1});
  const auto policy = policy_of(tandem::wire::PolicyName::first_available);
  policy->update(workers.candidates());
  const auto not_first = [](std::size_t place) { return place != 0; };
  CHECK(policy->pick({.usable = not_first, .again = true}) == std::size_t{1});
  CHECK(workers.pick(*policy) == std::size_t{0});
}

TEST_CASE("requests that a worker has from elsewhere count as its load") {
  for (const auto name : {wire::PolicyName::p2c, wire::PolicyName::least_connections}) {
    INFO(to_string(name));
    const auto policy = policy_of(name);
    Workers workers({1, 1});
    policy->update(workers.candidates());
    workers.candidates()[0].counters->in_flight_elsewhere = 3;
    for (int i = 0; i < 2; ++i) workers.pick(*policy);  // each place has been looked at
    for (int i = 0; i < 100; ++i) CHECK(workers.pick(*policy) == std::size_t{1});
    workers.in_flight(1) = 5;
    for (int i = 0; i < 2; ++i) workers.pick(*policy);
    for (int i = 0; i < 100; ++i) CHECK(workers.pick(*policy) == std::size_t{0});
  }
}

}  // namespace tandem::test::balance_policies_test
