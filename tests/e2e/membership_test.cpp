// Workers that come, go, die, freeze and return, under load.
#include <catch2/catch.hpp>

#include "tests/e2e/harness/cluster.hpp"
#include "tests/e2e/harness/load.hpp"

namespace tandem::e2e::membership_test {
namespace {

// True when `name` was given nothing while so many other requests were answered.
bool gets_nothing(const Cluster& cluster, const Load& load, const std::string& name) {
  const auto before = cluster.requests_of(name);
  return load.await_more(200) && cluster.requests_of(name) == before;
}

bool gets_traffic(const Cluster& cluster, const std::string& name) {
  const auto before = cluster.requests_of(name);
  return eventually([&] { return cluster.requests_of(name) > before; });
}

bool await_in_flight(const Cluster& cluster, const std::string& name, unsigned count) {
  return eventually([&] { return cluster.workers().at(name).in_flight == count; });
}

}  // namespace

TEST_CASE("a worker registers itself by its first heartbeat") {
  Cluster cluster;
  CHECK(cluster.workers().empty());
  cluster.start_worker("w1", {"--listen", "127.0.0.1:0", "--service", "shop"});
  REQUIRE(cluster.await_state("w1", "up"));
  CHECK(cluster.workers().at("w1").service == "shop");
}

TEST_CASE("two services are found by their names and clients reach the default one") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  cluster.start_worker("w2", {"--listen", "127.0.0.1:0", "--service", "shop"});
  REQUIRE(cluster.await_state("w2", "up"));
  const auto address = [&](const std::string& name) { return cluster.workers().at(name).address; };
  const Answer shop = get(cluster.control(), "/v1/services/shop");
  CHECK(shop.status == 200);
  CHECK_THAT(shop.body, Catch::Contains(address("w2")) && !Catch::Contains(address("w1")));
  const Answer all = get(cluster.control(), "/v1/services");
  CHECK_THAT(all.body, Catch::Contains("\"default\"") && Catch::Contains("\"shop\""));
  CHECK(get(cluster.control(), "/v1/services/bakery").status == 404);

  for (int i = 0; i < 10; ++i) CHECK_THAT(get(cluster.listen(), "/").body, Catch::Contains("w1"));
  CHECK(cluster.requests_of("w2") == 0);
}

TEST_CASE("a worker killed with -9 gets no more traffic and no GET fails") {
  Cluster cluster;
  cluster.start_workers({"w1", "w2", "w3"});
  Load load(cluster.listen(), 4);
  REQUIRE(gets_traffic(cluster, "w2"));
  cluster.worker("w2").kill9();
  REQUIRE(cluster.await_state("w2", "down"));
  CHECK(gets_nothing(cluster, load, "w2"));

  cluster.start_worker_again("w2");
  REQUIRE(cluster.await_state("w2", "up"));
  CHECK(gets_traffic(cluster, "w2"));
  load.stop();
  CHECK(load.first_failure() == "");
}

TEST_CASE("a frozen worker is down until it thaws") {
  Cluster cluster;
  cluster.start_workers({"w1", "w2"});
  cluster.worker("w2").freeze();
  REQUIRE(cluster.await_state("w2", "down"));
  {
    Load load(cluster.listen(), 2);
    CHECK(load.await_more(100));
    load.stop();
    CHECK(load.first_failure() == "");
  }
  cluster.worker("w2").thaw();
  REQUIRE(cluster.await_state("w2", "up"));
  Load load(cluster.listen(), 2);
  CHECK(gets_traffic(cluster, "w2"));
}

TEST_CASE("a drained worker finishes what it has and gets no more until it is undrained") {
  Cluster cluster;
  cluster.start_workers({"w1", "w2"});
  std::function<void(const std::string&)> tell;
  SECTION("by the control API") {
    tell = [&](const std::string& verb) {
      CHECK(post(cluster.control(), "/v1/workers/w1/" + verb).status / 100 == 2);
    };
  }
  SECTION("by the command-line tool") {
    tell = [&](const std::string& verb) {
      CHECK(run({program("tandem"), verb, "w1", "--control", cluster.control()}).status == 0);
    };
  }
  Load load(cluster.listen(), 4, "/slow?ms=5");
  REQUIRE(gets_traffic(cluster, "w1"));
  tell("drain");
  REQUIRE(cluster.await_state("w1", "draining"));
  REQUIRE(await_in_flight(cluster, "w1", 0));
  CHECK(gets_nothing(cluster, load, "w1"));
  tell("undrain");
  REQUIRE(cluster.await_state("w1", "up"));
  CHECK(gets_traffic(cluster, "w1"));
  load.stop();
  CHECK(load.first_failure() == "");
}

TEST_CASE("a drain outlives a restart of the master") {
  Cluster cluster;
  cluster.start_workers({"w1", "w2"});
  REQUIRE(post(cluster.control(), "/v1/workers/w1/drain").status / 100 == 2);
  cluster.master().kill9();
  cluster.start_master_again();
  REQUIRE(cluster.await_state("w2", "up"));
  CHECK(cluster.await_state("w1", "draining"));
}

TEST_CASE("workers register again by themselves when the master was restarted") {
  Cluster cluster;
  cluster.start_workers({"w1", "w2"});
  cluster.master().kill9();
  for (const auto* name : {"w1", "w2"}) CHECK(cluster.worker(name).running());
  cluster.start_master_again();
  CHECK(cluster.await_state("w1", "up"));
  CHECK(cluster.await_state("w2", "up"));
  CHECK(get(cluster.listen(), "/").status == 200);
}

TEST_CASE("a worker serves when no master answers") {
  Cluster cluster;
  cluster.start_workers({"w1"});
  const std::string address = cluster.workers().at("w1").address;
  cluster.master().kill9();
  CHECK(get(address, "/").status == 200);
}

TEST_CASE("a worker that is asked to end leaves first and no request fails") {
  Cluster cluster;
  cluster.start_workers({"w1", "w2"});
  Load load(cluster.listen(), 4, "/slow?ms=20");
  REQUIRE(gets_traffic(cluster, "w1"));
  cluster.worker("w1").terminate();
  CHECK(cluster.worker("w1").await_exit() == 0);
  CHECK(load.await_more(50));
  load.stop();
  CHECK(load.first_failure() == "");
  CHECK(cluster.state_of("w1") != "up");
}

}  // namespace tandem::e2e::membership_test
