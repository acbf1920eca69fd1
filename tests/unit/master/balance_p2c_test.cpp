// What p2c learns of its workers, in simulated time.
#include <catch2/catch.hpp>

#include <cmath>

#include "balance_fixture.hpp"
#include "master/balance/p2c.hpp"
#include "common/base/splitmix64.hpp"

namespace tandem::test::balance_p2c_test {

using namespace tandem::master;
using namespace std::chrono_literals;

namespace {

Instant at(Duration since_start) { return Instant(1h + since_start); }

// Requests come at a fixed rate; each worker answers after its own time.
struct Simulation {
  std::vector<Duration> latencies;
  Workers workers{std::vector<double>(latencies.size(), 100)};
  P2c policy{42};
  std::map<std::size_t, int> chosen{};
  std::multimap<Instant, std::pair<std::size_t, Duration>> under_way{};

  void answer_until(Instant now) {
    while (!under_way.empty() && under_way.begin()->first <= now) {
      const auto [place, took] = under_way.begin()->second;
      policy.learn(place, Experience::good, took, under_way.begin()->first);
      workers.end(policy, place);
      under_way.erase(under_way.begin());
    }
  }
  void run(Duration from, Duration until, Duration interval) {
    for (auto t = from; t < until; t += interval) {
      answer_until(at(t));
      const auto place = workers.pick(policy, {}, at(t)).value();
      workers.begin(policy, place);
      ++chosen[place];
      under_way.emplace(at(t + latencies[place]), std::pair(place, latencies[place]));
    }
  }
};

}  // namespace

TEST_CASE("a worker that is ten times slower is avoided: it gets less than one percent") {
  Simulation simulation{.latencies = {2ms, 2ms, 2ms, 2ms, 2ms, 20ms}};
  simulation.policy.update(simulation.workers.candidates());
  simulation.run(0s, 30s, 1ms);
  CHECK(simulation.chosen[5] < 300);
  CHECK(simulation.chosen[5] > 0);
}

TEST_CASE("a worker that becomes fast again gets its share again") {
  Simulation simulation{.latencies = {2ms, 2ms, 20ms}};
  simulation.policy.update(simulation.workers.candidates());
  simulation.run(0s, 10s, 1ms);
  simulation.latencies[2] = 2ms;
  simulation.run(10s, 25s, 1ms);
  simulation.chosen.clear();
  simulation.run(25s, 35s, 1ms);
  CHECK(simulation.chosen[2] > 2'000);
}

TEST_CASE("equal workers share alike") {
  Simulation simulation{.latencies = {2ms, 2ms, 2ms, 2ms}};
  simulation.policy.update(simulation.workers.candidates());
  simulation.run(0s, 10s, 1ms);
  for (std::size_t place = 0; place < 4; ++place) {
    CHECK(std::abs(simulation.chosen[place] - 2'500) < 250);
  }
}

TEST_CASE("equal workers share alike when requests come one by one, though latencies vary") {
  Workers workers({1, 1, 1});
  P2c policy(5);
  policy.update(workers.candidates());
  SplitMix64 chance(9);
  std::map<std::size_t, int> chosen;
  for (int i = 0; i < 6'000; ++i) {
    const auto now = at(i * 10ms);
    const auto place = workers.pick(policy, {}, now).value();
    ++chosen[place];
    policy.learn(place, Experience::good, 2ms + chance.below(1000) * 1us, now + 2ms);
  }
  for (std::size_t place = 0; place < 3; ++place) CHECK(std::abs(chosen[place] - 2'000) < 150);
}

TEST_CASE("of two workers of the same latency the one with less in flight is chosen") {
  Workers workers({1, 1});
  P2c policy(1);
  policy.update(workers.candidates());
  for (std::size_t place : {0, 1}) policy.learn(place, Experience::good, 1ms, at(0s));
  workers.in_flight(0) = 3;
  for (int i = 0; i < 100; ++i) CHECK(workers.pick(policy, {}, at(1s)) == std::size_t{1});
}

TEST_CASE("one slow answer counts at once, and is forgotten with time") {
  Workers workers({1, 1});
  P2c policy(1);
  policy.update(workers.candidates());
  for (int i = 0; i < 100; ++i) policy.learn(0, Experience::good, 1ms, at(i * 100ms));
  CHECK(policy.latency(0, at(9900ms)) == 1ms);
  policy.learn(0, Experience::good, 50ms, at(10s));
  CHECK(policy.latency(0, at(10s)) == 50ms);
  CHECK(policy.latency(0, at(12s)) < 19ms);
  CHECK(policy.latency(0, at(20s)) < 1ms);
}

TEST_CASE("a worker whose quick answers are errors is not taken for a quick worker") {
  Workers workers({1, 1, 1});
  P2c policy(7);
  policy.update(workers.candidates());
  int bad = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto now = at(i * 1ms);
    const auto place = workers.pick(policy, {}, now).value();
    if (place == 0) {
      ++bad;
      policy.learn(place, Experience::bad, 100us, now);
    } else {
      policy.learn(place, Experience::good, 5ms, now);
    }
  }
  CHECK(bad < 100);
}

TEST_CASE("a worker that joins is taken for an average one") {
  Workers workers({1, 1});
  P2c policy(1);
  policy.update(workers.candidates());
  policy.learn(0, Experience::good, 2ms, at(1s));
  policy.learn(1, Experience::good, 4ms, at(1s));
  workers.add(1);
  policy.update(workers.candidates());
  CHECK(policy.latency(0, at(1s)) == 2ms);
  CHECK(policy.latency(2, at(1s)) == 3ms);
}

}  // namespace tandem::test::balance_p2c_test
