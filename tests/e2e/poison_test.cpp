// A request that makes a service break off its connection, among others that it serves well.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/faulty_workers.hpp"
#include "tests/e2e/harness/load.hpp"

namespace tandem::e2e::poison_test {
namespace {

bool all_are_up(const Cluster& cluster, unsigned count) {
  const auto views = cluster.workers();
  return views.size() == count && std::all_of(views.begin(), views.end(), [](const auto& view) {
           return view.second.state == "up";
         });
}

// Poisons all of its workers again and again, while others ask.
void poison(unsigned workers_count) {
  Cluster cluster;
  FaultyWorkers workers(cluster.dir(), {cluster.control()}, workers_count);
  REQUIRE(eventually([&] { return all_are_up(cluster, workers_count); }));
  Load load(cluster.listen(), 8, "/bytes/100");
  REQUIRE(load.await_more(200));
  for (int i = 0; i < 5; ++i) {
    CHECK(get(cluster.listen(), "/poison").status == 502);
    REQUIRE(load.await_more(50));
  }
  load.stop();
  CHECK(load.first_failure() == "");
  CHECK(load.failed() == 0);
  CHECK(all_are_up(cluster, workers_count));
}

}  // namespace

TEST_CASE("five poisoned requests before three workers cost nobody else an answer") { poison(3); }

TEST_CASE("five poisoned requests before a single worker cost nobody else an answer") { poison(1); }

TEST_CASE("a worker that was killed is suspect at once, and with it nobody else's answer is lost") {
  Cluster cluster;
  FaultyWorkers workers(cluster.dir(), {cluster.control()}, 2);
  REQUIRE(eventually([&] { return all_are_up(cluster, 2); }));
  Load load(cluster.listen(), 8, "/bytes/100");
  REQUIRE(load.await_more(200));
  workers.kill("w1");
  REQUIRE(load.await_more(200));
  CHECK(cluster.state_of("w1") != "up");
  load.stop();
  CHECK(load.first_failure() == "");
}

}  // namespace tandem::e2e::poison_test
