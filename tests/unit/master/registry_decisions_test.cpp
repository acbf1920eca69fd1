#include <catch2/catch.hpp>

#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_decisions_test {

TEST_CASE("a drained worker gets no traffic until it is undrained") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  REQUIRE(cluster.drain("w1").ok());
  CHECK(cluster.state("w1") == "draining");
  CHECK(cluster.reason("w1") == "drained by an operator");
  CHECK(cluster.traffic().empty());
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.traffic().empty());
  REQUIRE(cluster.undrain("w1").ok());
  CHECK(cluster.traffic() == "w1");
  CHECK(cluster.registry.state().drained.empty());
}

TEST_CASE("what seems to be decided already is committed again, and changes nothing") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  CHECK(to_json(*cluster.registry.undrain("w1")) == to_json(Change(SetDrained{"w1", false})));
  REQUIRE(cluster.undrain("w1").ok());
  CHECK(cluster.state("w1") == "up");
  REQUIRE(cluster.drain("w1").ok());
  CHECK(to_json(*cluster.registry.drain("w1")) == to_json(Change(SetDrained{"w1", true})));
  REQUIRE(cluster.drain("w1").ok());
  CHECK(cluster.state("w1") == "draining");
}

TEST_CASE("a drain follows the name through restarts of the worker and through its oblivion") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  REQUIRE(cluster.drain("w1").ok());
  auto restarted = RegistryFixture::heartbeat_of("w1");
  restarted.incarnation = "second";
  REQUIRE(cluster.hear(restarted).ok());
  CHECK(cluster.state("w1") == "draining");
  cluster.pass(11min);
  cluster.commit_registrations();
  REQUIRE(cluster.state("w1") == "unknown");
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.state("w1") == "draining");
}

TEST_CASE("a decided weight goes before the advertised one until it is taken back") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  const auto id = cluster.shown("w1")->id;
  REQUIRE(cluster.set_weight("w1", 7).ok());
  CHECK(cluster.shown("w1")->weight == 7);
  CHECK(cluster.shown("w1")->id == id);
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  heartbeat.weight = 50;
  REQUIRE(cluster.hear(heartbeat).ok());
  CHECK(cluster.shown("w1")->weight == 7);
  REQUIRE(cluster.set_weight("w1", 0).ok());
  CHECK(cluster.traffic().empty());
  CHECK(cluster.state("w1") == "up");
  REQUIRE(cluster.set_weight("w1", std::nullopt).ok());
  CHECK(cluster.shown("w1")->weight == 50);
  CHECK(cluster.registry.state().weights.empty());
}

TEST_CASE("decisions about nobody are not found") {
  RegistryFixture cluster;
  CHECK(cluster.drain("w1").error().code == ErrorCode::not_found);
  CHECK(cluster.undrain("w1").error().code == ErrorCode::not_found);
  CHECK(cluster.set_weight("w1", 5).error().code == ErrorCode::not_found);
  CHECK(cluster.set_weight("w1", std::nullopt).error().code == ErrorCode::not_found);
  CHECK(cluster.remove("w1").error().code == ErrorCode::not_found);
}

TEST_CASE("nothing changes before the change is committed") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  REQUIRE(cluster.registry.drain("w1").ok());
  REQUIRE(cluster.registry.set_weight("w1", 5).ok());
  REQUIRE(cluster.registry.add({.name = "n1", .address = {"10.0.0.5", 80}}).ok());
  CHECK(cluster.state("w1") == "up");
  CHECK(cluster.shown("w1")->weight == 100);
  CHECK(cluster.state("n1") == "unknown");
}

TEST_CASE("decisions of last time hold for workers that come later") {
  RegistryFixture before;
  for (const auto* name : {"w1", "w2"}) REQUIRE(before.hear(name).ok());
  REQUIRE(before.drain("w1").ok());
  REQUIRE(before.set_weight("w2", 9).ok());
  REQUIRE(before.add({.name = "n1", .address = {"10.0.0.5", 80}}).ok());

  RegistryFixture after;
  after.registry.restore(before.registry.state(), after.time);
  REQUIRE(after.backends.size() == 3);  // n1 first, and those still to be heard again
  CHECK(after.registry.probe_target(after.backends[0])->addresses.front() ==
        Endpoint{"10.0.0.5", 80});
  for (const auto* name : {"w1", "w2"}) REQUIRE(after.hear(name).ok());
  CHECK(after.state("w1") == "draining");
  CHECK(after.shown("w2")->weight == 9);
}

TEST_CASE("an added worker whose name a configured backend has is left out") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .address = {"10.0.0.7", 80}},
                                             cluster.time));
  ClusterState state;
  state.added["n1"] = {.name = "n1", .address = {"10.0.0.5", 80}};
  state.drained = {"n1"};
  cluster.registry.restore(state, cluster.time);
  CHECK(cluster.registry.worker("n1", cluster.time)->address == "10.0.0.7:80");
  cluster.registry.probe_result(cluster.backends[0], std::nullopt, cluster.time);
  CHECK(cluster.state("n1") == "draining");
}

TEST_CASE("an added backend can be removed, with all that was decided about it") {
  RegistryFixture cluster;
  REQUIRE(cluster.add({.name = "n1", .address = {"10.0.0.5", 80}}).ok());
  const auto id = cluster.backends.at(0);
  REQUIRE(cluster.drain("n1").ok());
  REQUIRE(cluster.remove("n1").ok());
  CHECK(cluster.state("n1") == "unknown");
  CHECK(!cluster.registry.probe_target(id));
  CHECK(cluster.registry.state().added.empty());
  CHECK(cluster.registry.state().drained.empty());
  cluster.registry.probe_result(id, std::nullopt, cluster.time);  // a probe that was under way
  CHECK(cluster.state("n1") == "unknown");
}

}  // namespace tandem::master::registry_decisions_test
