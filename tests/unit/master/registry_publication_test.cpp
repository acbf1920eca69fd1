#include <catch2/catch.hpp>

#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_publication_test {

TEST_CASE("the first publication comes even when nobody is registered") {
  RegistryFixture cluster;
  cluster.registry.publish();
  REQUIRE(cluster.snapshots.size() == 1);
  CHECK(cluster.snapshots[0]->services.empty());
  cluster.registry.publish();
  CHECK(cluster.snapshots.size() == 1);
}

TEST_CASE("a thousand changes before one publication make one snapshot") {
  RegistryFixture cluster;
  for (int i = 0; i < 1000; ++i) REQUIRE(cluster.hear(fmt::format("w{:04}", i)).ok());
  CHECK(cluster.changes == 1);
  cluster.registry.publish();
  CHECK(cluster.snapshots.size() == 1);
  CHECK(cluster.snapshots[0]->find("default")->workers.size() == 1000);
}

TEST_CASE("a heartbeat that changes nothing publishes nothing") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  cluster.registry.publish();
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  for (unsigned load = 0; load < 100; ++load) {
    heartbeat.in_flight = load;
    REQUIRE(cluster.hear(heartbeat).ok());
    cluster.pass(500ms);
  }
  CHECK(cluster.changes == 1);
}

TEST_CASE("what did not change is shared with the snapshot before") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  REQUIRE(cluster.hear("w2").ok());
  auto other = RegistryFixture::heartbeat_of("x1");
  other.service = "other";
  REQUIRE(cluster.hear(other).ok());
  cluster.registry.publish();
  auto heartbeat = RegistryFixture::heartbeat_of("w2");
  heartbeat.weight = 7;
  REQUIRE(cluster.hear(heartbeat).ok());
  cluster.registry.publish();
  REQUIRE(cluster.snapshots.size() == 2);
  const auto& before = *cluster.snapshots[0];
  const auto& after = *cluster.snapshots[1];
  CHECK(after.version > before.version);
  CHECK(after.find("other") == before.find("other"));
  CHECK(after.find("default") != before.find("default"));
  CHECK(after.find("default")->workers[0] == before.find("default")->workers[0]);
  CHECK(after.find("default")->workers[1]->weight == 7);
  CHECK(after.find("default")->workers[1]->id == before.find("default")->workers[1]->id);
  CHECK(after.find("default")->workers[1]->counters ==
        before.find("default")->workers[1]->counters);
}

TEST_CASE("a service stays listed without workers as long as one is registered for it") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  cluster.pass(5s);
  CHECK(cluster.traffic() == "");
  cluster.pass(11min);
  CHECK(cluster.traffic() == "no such service");
}

TEST_CASE("workers and services are listed by name") {
  RegistryFixture cluster;
  for (const auto* name : {"c", "a", "b"}) {
    auto heartbeat = RegistryFixture::heartbeat_of(name);
    REQUIRE(cluster.hear(heartbeat).ok());
    heartbeat.name += "2";
    heartbeat.address.port = RegistryFixture::port_of(heartbeat.name);
    heartbeat.service = std::string("svc-") + name;
    REQUIRE(cluster.hear(heartbeat).ok());
  }
  CHECK(cluster.traffic() == "a b c");
  std::vector<std::string> services;
  for (const auto& service : cluster.snapshots.back()->services) services.push_back(service->name);
  CHECK(services == std::vector<std::string>{"default", "svc-a", "svc-b", "svc-c"});
  CHECK(cluster.registry.workers(cluster.time).front().name == "a");
  CHECK(cluster.registry.service("svc-b", cluster.time)->instances.front().name == "b2");
  CHECK(!cluster.registry.service("nothing", cluster.time));
}

TEST_CASE("a worker of weight zero is up but listed nowhere as an instance") {
  RegistryFixture cluster;
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  heartbeat.weight = 0;
  REQUIRE(cluster.hear(heartbeat).ok());
  CHECK(cluster.state("w1") == "up");
  CHECK(cluster.traffic().empty());
  CHECK(cluster.registry.service("default", cluster.time)->instances.empty());
}

TEST_CASE("status tells what the counters say and how long ago the worker was heard") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  const auto worker = cluster.shown("w1");
  worker->counters->in_flight = 3;
  const auto tally = worker->counters->answers.take();
  for (int number = 0; number < 40; ++number) tally->add(number < 10, number < 15 ? 503 : 200);
  worker->counters->failures = 2;
  cluster.pass(1500ms);
  const auto status = cluster.registry.worker("w1", cluster.time);
  REQUIRE(status);
  CHECK(status->kind == "tandem");
  CHECK(status->address == "127.0.0.1:9001");
  CHECK(status->in_flight == 3);
  CHECK(status->requests == 40);
  CHECK(status->answers == wire::AnswerCounts{{{0, 25, 0, 0, 5}, {0, 0, 0, 0, 10}}});
  CHECK(status->failures == 2);
  CHECK(status->last_heartbeat_ms == 1500);
}

TEST_CASE("ten seconds of a thousand heartbeating workers publish once") {
  RegistryFixture cluster;
  std::vector<wire::Heartbeat> heartbeats;
  for (int i = 0; i < 1000; ++i)
    heartbeats.push_back(RegistryFixture::heartbeat_of(fmt::format("w{}", i)));
  const auto begin = std::chrono::steady_clock::now();
  for (int second = 0; second < 10; ++second) {
    for (const auto& heartbeat : heartbeats) REQUIRE(cluster.hear(heartbeat).ok());
    cluster.pass(1s);
  }
  const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - begin;
  UNSCOPED_INFO("microseconds per heartbeat with its share of ticks: " << spent.count() / 10'000);
  CHECK(cluster.changes == 1);
}

}  // namespace tandem::master::registry_publication_test
