// Workers that an operator removes, and what becomes of those that heartbeat.
#include <catch2/catch.hpp>

#include "master/registry/limits.hpp"
#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_removal_test {
namespace {

wire::Heartbeat started_again(const std::string& name) {
  auto heartbeat = RegistryFixture::heartbeat_of(name);
  heartbeat.incarnation = "second";
  return heartbeat;
}

}  // namespace

TEST_CASE("a backend of the configuration cannot be removed") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .address = {"10.0.0.5", 80}},
                                             cluster.time));
  CHECK(cluster.remove("n1").error().code == ErrorCode::conflict);
}

TEST_CASE("a worker that heartbeats and is removed is told so, until it is started again") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  cluster.commit_registrations();
  REQUIRE(cluster.drain("w1").ok());
  REQUIRE(cluster.remove("w1").ok());
  CHECK(cluster.state("w1") == "unknown");
  CHECK(cluster.registry.state().joined.empty());
  CHECK(*cluster.hear("w1") == Membership::removed);
  CHECK(cluster.state("w1") == "unknown");
  CHECK(cluster.commit_registrations() == 0);
  CHECK(*cluster.hear(started_again("w1")) == Membership::registered);
  CHECK(cluster.state("w1") == "up");
  CHECK(*cluster.hear("w1") == Membership::removed);  // of the first, that was still on its way
  CHECK(cluster.state("w1") == "up");
}

TEST_CASE("a removed worker that was only cut off is told so when it is heard again") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  cluster.pass(5s);
  REQUIRE(cluster.state("w1") == "down");
  REQUIRE(cluster.remove("w1").ok());
  CHECK(*cluster.hear("w1") == Membership::removed);
}

TEST_CASE("a worker that restarted before its removal was committed stays") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  const auto removal = *cluster.registry.remove("w1");
  REQUIRE(cluster.hear(started_again("w1")).ok());
  REQUIRE(cluster.registry.apply(removal, cluster.time).ok());
  CHECK(cluster.state("w1") == "up");
}

TEST_CASE("a removal in a snapshot takes away whom this master still hears") {
  RegistryFixture primary;
  RegistryFixture standby;
  for (auto* cluster : {&primary, &standby}) REQUIRE(cluster->hear("w1").ok());
  primary.commit_registrations();
  REQUIRE(primary.remove("w1").ok());
  REQUIRE(primary.hear(started_again("w1")).ok());
  primary.commit_registrations();
  const auto state = parse_cluster_state(to_json(primary.registry.state()));
  REQUIRE(state.ok());
  CHECK(to_json(*state) == to_json(primary.registry.state()));
  CHECK(state->joined.contains("w1"));  // the second one, which the removal does not concern
  standby.registry.restore(*state, standby.time);
  CHECK(standby.reason("w1") == "not heard yet");
  CHECK(*standby.hear("w1") == Membership::removed);
  CHECK(*standby.hear(started_again("w1")) == Membership::registered);
}

TEST_CASE("a snapshot of a version that removed nobody is read") {
  ClusterState state;
  auto json = to_json(state);
  const std::string member = R"(,"removed":[])";
  const auto place = json.find(member);
  REQUIRE(place != json.npos);
  CHECK(parse_cluster_state(json.erase(place, member.size())).ok());
}

TEST_CASE("the oldest of too many removed workers is forgotten") {
  ClusterState state;
  for (std::size_t i = 0; i < limits::removed_workers_max; ++i) {
    REQUIRE(state.apply(RemoveWorker{fmt::format("w{}", i), "one"}).ok());
  }
  CHECK(state.has_removed("w0", "one"));
  REQUIRE(state.apply(RemoveWorker{"w1", "one"}).ok());  // once more
  CHECK(state.has_removed("w0", "one"));
  REQUIRE(state.apply(RemoveWorker{"w1", "two"}).ok());
  CHECK(!state.has_removed("w0", "one"));
  CHECK(state.has_removed("w1", "one"));
  CHECK(state.removed.size() == limits::removed_workers_max);
}

}  // namespace tandem::master::registry_removal_test
