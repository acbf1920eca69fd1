// When a worker that fails is left alone, for how long, and how it comes back.
#include <catch2/catch.hpp>

#include "master/balance/circuit_breaker.hpp"

namespace tandem::circuit_breaker_test {

using tandem::master::CircuitBreaker;
using tandem::master::WorkerCounters;
using State = CircuitBreaker::State;

namespace {

Instant at(Duration since_start) { return Instant(1h + since_start); }

// Fails until the breaker opens; returns after how many failures, and for how long it is open.
std::pair<int, Duration> fail_until_open(const CircuitBreaker& breaker, WorkerCounters& worker,
                                         Instant now) {
  for (int failures = 1; failures <= 100; ++failures) {
    if (breaker.failed(worker, now)) return {failures, breaker.open(worker, now)};
  }
  return {0, 0s};
}

}  // namespace

TEST_CASE("five failures in a row open the breaker, and a good answer between them begins anew") {
  const CircuitBreaker breaker;
  WorkerCounters worker;
  for (int i = 0; i < 4; ++i) CHECK_FALSE(breaker.failed(worker, at(0s)));
  CHECK_FALSE(CircuitBreaker::succeeded(worker));
  CHECK(fail_until_open(breaker, worker, at(0s)) == std::pair(5, Duration(1s)));
  CHECK(CircuitBreaker::state(worker, at(0s)) == State::open);
  CHECK_FALSE(CircuitBreaker::admits(worker, at(999ms)));
}

TEST_CASE("an open breaker lets one request at a time through, and a good answer closes it") {
  const CircuitBreaker breaker;
  WorkerCounters worker;
  fail_until_open(breaker, worker, at(0s));
  CHECK(CircuitBreaker::state(worker, at(1s)) == State::half_open);
  CHECK(CircuitBreaker::admits(worker, at(1s)));
  CHECK(CircuitBreaker::begin_probe(worker, at(1s)));
  CHECK_FALSE(CircuitBreaker::admits(worker, at(1s)));
  CHECK_FALSE(CircuitBreaker::begin_probe(worker, at(1s)));
  CHECK(CircuitBreaker::succeeded(worker));
  CircuitBreaker::end_probe(worker);
  CHECK(CircuitBreaker::state(worker, at(1s)) == State::closed);
  CHECK(CircuitBreaker::admits(worker, at(1s)));
}

TEST_CASE("each failed probe opens a breaker for twice as long, up to a limit") {
  const CircuitBreaker breaker;
  WorkerCounters worker;
  auto open_for = fail_until_open(breaker, worker, at(0s)).second;
  auto now = at(0s);
  std::vector<Duration> times;
  for (int i = 0; i < 7; ++i) {
    now = now + open_for;
    REQUIRE(CircuitBreaker::begin_probe(worker, now));
    REQUIRE(breaker.failed(worker, now));  // one failure is enough
    open_for = breaker.open(worker, now);
    CircuitBreaker::end_probe(worker);
    times.push_back(open_for);
  }
  CHECK(times == std::vector<Duration>{2s, 4s, 8s, 16s, 30s, 30s, 30s});
}

TEST_CASE("a worker that was well for a long time starts with a short time again") {
  const CircuitBreaker breaker;
  WorkerCounters worker;
  fail_until_open(breaker, worker, at(0s));
  CircuitBreaker::begin_probe(worker, at(1s));
  CircuitBreaker::succeeded(worker);
  CircuitBreaker::end_probe(worker);
  CHECK(fail_until_open(breaker, worker, at(10s)) == std::pair(5, Duration(2s)));
  CircuitBreaker::begin_probe(worker, at(12s));
  CircuitBreaker::succeeded(worker);
  CircuitBreaker::end_probe(worker);
  CHECK(fail_until_open(breaker, worker, at(200s)) == std::pair(5, Duration(1s)));
}

TEST_CASE("a probe that ends without an outcome lets the next one through") {
  const CircuitBreaker breaker;
  WorkerCounters worker;
  fail_until_open(breaker, worker, at(0s));
  REQUIRE(CircuitBreaker::begin_probe(worker, at(1s)));
  CircuitBreaker::end_probe(worker);  // its client broke off
  CHECK(CircuitBreaker::state(worker, at(1s)) == State::half_open);
  CHECK(CircuitBreaker::admits(worker, at(1s)));
}

TEST_CASE("answers to earlier requests neither close an open breaker nor keep it open longer") {
  const CircuitBreaker breaker;
  WorkerCounters worker;
  fail_until_open(breaker, worker, at(0s));
  CHECK_FALSE(CircuitBreaker::succeeded(worker));
  for (int i = 0; i < 10; ++i) CHECK_FALSE(breaker.failed(worker, at(100ms)));
  CHECK(CircuitBreaker::state(worker, at(500ms)) == State::open);
  CHECK(CircuitBreaker::state(worker, at(1s)) == State::half_open);
}

TEST_CASE("a breaker that is off never opens") {
  const CircuitBreaker breaker{.failures_in_a_row = 0};
  WorkerCounters worker;
  CHECK(fail_until_open(breaker, worker, at(0s)).first == 0);
}

}  // namespace tandem::circuit_breaker_test
