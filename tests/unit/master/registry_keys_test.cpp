// What follows from the cluster's secret.
#include <catch2/catch.hpp>

#include "common/wire/term_proof.hpp"
#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_keys_test {
namespace {
const std::string secret(64, '7');
const std::string another(64, '8');
}  // namespace

TEST_CASE("workers have no key before the cluster has a secret, and one of their own after it") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.shown("w1")->term_key.empty());
  CHECK(cluster.shown("w1")->cookie.empty());
  REQUIRE(cluster.registry.apply(SetSecret{secret}, cluster.time).ok());
  REQUIRE(cluster.hear(RegistryFixture::heartbeat_of("w2", 9002)).ok());
  CHECK(cluster.shown("w1")->term_key == wire::worker_key(secret, "w1", "w1-first"));
  CHECK(cluster.registry.term_key("w2") == wire::worker_key(secret, "w2", "w2-first"));
  CHECK(cluster.shown("w1")->cookie.size() == 24);
  CHECK(cluster.shown("w1")->cookie != cluster.shown("w2")->cookie);
}

TEST_CASE("the first secret stays") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.apply(SetSecret{secret}, cluster.time).ok());
  CHECK(!cluster.registry.apply(SetSecret{another}, cluster.time).ok());
  CHECK(cluster.registry.state().secret == secret);
}

TEST_CASE("a worker that takes no proof has no key, and is told no term") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.apply(SetSecret{secret}, cluster.time).ok());
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  heartbeat.takes_proof = false;
  REQUIRE(cluster.hear(heartbeat).ok());
  CHECK(cluster.registry.term_key("w1").empty());
  CHECK(cluster.registry.term_takers().empty());
}

TEST_CASE("a worker that started again has another key") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.apply(SetSecret{secret}, cluster.time).ok());
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  REQUIRE(cluster.hear(heartbeat).ok());
  const std::string before(cluster.registry.term_key("w1"));
  heartbeat.incarnation = "w1-second";
  REQUIRE(cluster.hear(heartbeat).ok());
  CHECK(cluster.registry.term_key("w1") != before);
}

TEST_CASE("masters of one cluster share their name in Via, which tells nothing of the secret") {
  RegistryFixture cluster;
  RegistryFixture same;
  RegistryFixture other;
  for (auto* each : {&cluster, &same})
    REQUIRE(each->registry.apply(SetSecret{secret}, each->time).ok());
  REQUIRE(other.registry.apply(SetSecret{another}, other.time).ok());
  for (auto* each : {&cluster, &same, &other}) each->registry.publish();
  const auto via = [](const RegistryFixture& of) { return of.snapshots.back()->via; };
  CHECK(via(cluster).size() == std::string("tandem-").size() + 8);
  CHECK(via(cluster) == via(same));
  CHECK(via(cluster) != via(other));
}

TEST_CASE("the secret is part of the state, and what is no secret is refused") {
  ClusterState state;
  REQUIRE(state.apply(SetSecret{secret}).ok());
  const auto read = parse_cluster_state(to_json(state));
  REQUIRE(read.ok());
  CHECK(read->secret == secret);
  CHECK(parse_cluster_state(to_json(ClusterState()))->secret.empty());
  for (const auto* text : {R"({"secret":"7"})", R"({"secret":7})", R"({"secret":""})"}) {
    CHECK_FALSE(parse_change(text).ok());
  }
  const auto change = parse_change(to_json(Change(SetSecret{secret})));
  REQUIRE(change.ok());
  CHECK(std::get<SetSecret>(*change).secret == secret);
}

namespace {

// The only worker of a service: its heartbeats have stopped, and it has a key.
struct Silent : RegistryFixture {
  Silent() {
    REQUIRE(registry.apply(SetSecret{secret}, time).ok());
    REQUIRE(hear("w1").ok());
    registry.publish();
    backends.clear();
    pass(5s);
  }
  void probed(std::optional<ProbeFailure> failure) {
    registry.probe_result(backends.back(), failure, time);
    registry.publish();
  }
};

}  // namespace

TEST_CASE("a silent worker is challenged, and is a last resort only once it has answered") {
  Silent cluster;
  REQUIRE(cluster.backends.size() == 1);
  const auto probe = cluster.registry.probe_target(cluster.backends.back());
  REQUIRE(probe);
  CHECK(probe->key == wire::worker_key(secret, "w1", "w1-first"));
  CHECK(cluster.last_resort().empty());
  cluster.probed(ProbeFailure(FailureKind::unhealthy));  // somebody answers, not the worker
  CHECK(cluster.last_resort().empty());
  cluster.probed(std::nullopt);
  CHECK(cluster.last_resort() == "w1");
  CHECK(cluster.state("w1") == "down");
  cluster.probed(ProbeFailure(FailureKind::unhealthy));  // its address has become another's
  CHECK(cluster.last_resort().empty());
}

TEST_CASE(
    "a silent worker that refuses is challenged no more, and one that is heard again neither") {
  Silent refuses;
  refuses.probed(ProbeFailure(FailureKind::refused));
  CHECK_FALSE(refuses.registry.probe_target(refuses.backends.back()));
  Silent returns;
  REQUIRE(returns.hear("w1").ok());
  CHECK_FALSE(returns.registry.probe_target(returns.backends.back()));
  CHECK(returns.traffic() == "w1");
}

}  // namespace tandem::master::registry_keys_test
