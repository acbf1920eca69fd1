// SIGTERM: what is in flight is finished, what waits is not waited for.
#include <catch2/catch.hpp>
#include <future>

#include "tests/e2e/harness/cluster.hpp"

namespace tandem::e2e::shutdown_test {
namespace {

// A request that takes `ms` at the worker, under way when this returns.
std::future<Answer> begin_slow(const Cluster& cluster, const std::string& ms) {
  auto answer = std::async(std::launch::async,
                           [&cluster, ms] { return get(cluster.listen(), "/slow?ms=" + ms); });
  REQUIRE(eventually([&] { return cluster.workers().at("w1").in_flight == 1; }));
  return answer;
}

}  // namespace

TEST_CASE("a master that is asked to end finishes what is in flight and exits 0") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  CHECK(get(cluster.control(), "/ready").status == 200);
  auto answer = begin_slow(cluster, "1500");
  cluster.master().terminate();
  CHECK(eventually([&] { return get(cluster.control(), "/ready").status == 503; }));
  CHECK(answer.get().status == 200);
  CHECK(cluster.master().await_exit() == 0);
}

TEST_CASE("idle clients do not hold up a master that is asked to end") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  Socket silent(cluster.listen());
  Client kept_alive(cluster.listen());
  REQUIRE(kept_alive.get("/").status == 200);
  cluster.master().terminate();
  CHECK(cluster.master().await_exit(10s) == 0);
}

TEST_CASE("a second SIGTERM stops a master at once") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  auto answer = begin_slow(cluster, "60000");
  cluster.master().terminate();
  REQUIRE(eventually([&] { return get(cluster.control(), "/ready").status != 200; }));
  cluster.master().terminate();
  CHECK(cluster.master().await_exit(20s));
  CHECK(answer.get().status != 200);
}

TEST_CASE("a drain timeout bounds how long a master waits for what is in flight") {
  Cluster cluster({"--drain-timeout", "200ms"});
  cluster.start_workers({"w1"});
  auto answer = begin_slow(cluster, "60000");
  cluster.master().terminate();
  CHECK(cluster.master().await_exit(20s));
  CHECK(answer.get().status != 200);
}

}  // namespace tandem::e2e::shutdown_test
