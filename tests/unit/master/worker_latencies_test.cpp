// How long workers take lately, as a loop sees it.
#include "master/forward/workers/worker_latencies.hpp"

#include <catch2/catch.hpp>

#include "master/metrics/history.hpp"
#include "master/metrics/limits.hpp"

namespace tandem::master::worker_latencies_test {
namespace {

double quantile(const WorkerLatencies& latencies, const std::string& worker, double part) {
  LatencyByWorker sums;
  latencies.add_to(sums);
  return metrics::quantile_ms(sums[worker], part);
}

}  // namespace

TEST_CASE("a worker's latency is told while it is there, and follows what comes") {
  WorkerLatencies latencies;
  auto latency = latencies.add("w1");
  CHECK(quantile(latencies, "w1", 0.5) == 0);
  for (int answer = 0; answer < 500; ++answer) latency->observe(3ms);
  for (int answer = 0; answer < 400; ++answer) latency->observe(80ms);
  CHECK(quantile(latencies, "w1", 0.5) < 5);
  CHECK(quantile(latencies, "w1", 0.99) > 50);
  for (int answer = 0; answer < 20'000; ++answer) latency->observe(3ms);
  CHECK(quantile(latencies, "w1", 0.99) < 5);
  latency.reset();
  LatencyByWorker sums;
  latencies.add_to(sums);
  CHECK(sums.empty());
}

TEST_CASE("a worker that came back has two registrations, which are summed") {
  WorkerLatencies latencies;
  const auto before = latencies.add("w1");
  const auto after = latencies.add("w1");
  before->observe(3ms);
  after->observe(3ms);
  LatencyByWorker sums;
  latencies.add_to(sums);
  CHECK(sums["w1"][3] == 2);
}

TEST_CASE("workers that come and go take no memory") {
  WorkerLatencies latencies;
  const auto stays = latencies.add("stays");
  for (int number = 0; number < 10'000; ++number) latencies.add("w" + std::to_string(number));
  CHECK(latencies.size() <= 64);
}

TEST_CASE("a quantile lies within its bucket, as far in as observations lie below it") {
  LatencyBuckets none{};
  CHECK(metrics::quantile_ms(none, 0.99) == 0);
  LatencyBuckets even{};
  even[3] = 100;  // 2.5 to 5 ms
  CHECK(metrics::quantile_ms(even, 0.5) == Approx(3.75));
  CHECK(metrics::quantile_ms(even, 1) == Approx(5));
  LatencyBuckets two{};
  two[0] = 99;  // up to half a millisecond
  two[10] = 1;  // half a second to a second
  CHECK(metrics::quantile_ms(two, 0.5) < 0.5);
  CHECK(metrics::quantile_ms(two, 0.99) == Approx(0.5));
  CHECK(metrics::quantile_ms(two, 0.995) > 500);
  LatencyBuckets slow{};
  slow.back() = 1;  // the last bucket has no end: its beginning is told
  CHECK(metrics::quantile_ms(slow, 0.5) == 30'000);
}

TEST_CASE("the history has a point for each second, with that second's quantiles alone") {
  using namespace metrics;
  History history;
  Traffic traffic;
  auto& shop = traffic.services["shop"];
  const auto answer = [&](std::size_t bucket, std::uint64_t times) {
    shop.duration.buckets[bucket] += times;
    shop.requests[0][index_of(Outcome::success)] += times;
  };
  answer(12, 1'000);  // before the first look
  history.observe(traffic, 100);
  CHECK(history.points().empty());
  answer(3, 50);
  history.observe(traffic, 101);
  history.observe(traffic, 101);  // the same second
  answer(10, 10);
  history.observe(traffic, 103);  // a second was missed
  REQUIRE(history.points().size() == 3);
  CHECK(history.points()[0].requests == 50);
  CHECK(history.points()[0].p50_ms == Approx(3.75));
  CHECK(history.points()[0].p99_ms == Approx(4.975));
  CHECK(history.points()[1].requests == 0);
  CHECK(history.points()[1].p99_ms == 0);
  CHECK(history.points()[2].p50_ms == Approx(750));
  shop.waiting = 3;
  for (std::int64_t second = 104; second < 2'000; ++second) history.observe(traffic, second);
  CHECK(history.points().size() == tandem::limits::history_seconds);
  CHECK(history.to_json("a", 1'998).find(R"("waiting":{"shop":3})") != std::string::npos);
}

}  // namespace tandem::master::worker_latencies_test
