#include <catch2/catch.hpp>

#include "common/wire/limits.hpp"
#include "master/registry/limits.hpp"
#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_names_test {
namespace {
wire::Heartbeat heartbeat_of(const std::string& name, const std::string& incarnation,
                             std::uint16_t port) {
  auto heartbeat = RegistryFixture::heartbeat_of(name, port);
  heartbeat.incarnation = incarnation;
  return heartbeat;
}
}  // namespace

TEST_CASE("a worker that restarts at its address replaces its old self at once") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(heartbeat_of("w1", "one", 9001)).ok());
  const auto before = cluster.shown("w1");
  REQUIRE(cluster.hear(heartbeat_of("w1", "two", 9001)).ok());
  const auto after = cluster.shown("w1");
  CHECK(after->id > before->id);
  CHECK(after->counters != before->counters);
  CHECK(cluster.traffic() == "w1");
}

TEST_CASE("two live workers that fight for one name: the second is refused, the first unharmed") {
  RegistryFixture cluster;
  for (int round = 0; round < 20; ++round) {
    REQUIRE(cluster.hear(heartbeat_of("w1", "one", 9001)).ok());
    cluster.pass(500ms);
    const auto second = cluster.hear(heartbeat_of("w1", "two", 9002));
    REQUIRE(!second.ok());
    CHECK(second.error().code == ErrorCode::conflict);
    CHECK(second.error().field == "name");
    CHECK(second.error().message.find("127.0.0.1:9001") != std::string::npos);
    cluster.pass(600ms);
  }
  CHECK(cluster.shown("w1")->address.port == 9001);
}

TEST_CASE("a worker that moves gets its name once the old one is silent for two intervals") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(heartbeat_of("w1", "one", 9001)).ok());
  cluster.pass(2s);
  CHECK(!cluster.hear(heartbeat_of("w1", "two", 9002)).ok());
  cluster.pass(1ms);
  CHECK(cluster.hear(heartbeat_of("w1", "two", 9002)).ok());
  CHECK(cluster.shown("w1")->address.port == 9002);
}

TEST_CASE(
    "a worker that moves gets its name at once when the old one refuses connections or said bye") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(heartbeat_of("w1", "one", 9001)).ok());
  cluster.fail_at(cluster.shown("w1"));
  REQUIRE(cluster.hear(heartbeat_of("w1", "two", 9002)).ok());
  CHECK(cluster.traffic() == "w1");
  auto bye = heartbeat_of("w1", "two", 9002);
  bye.condition = wire::WorkerCondition::bye;
  REQUIRE(cluster.hear(bye).ok());
  REQUIRE(cluster.hear(heartbeat_of("w1", "three", 9003)).ok());
  CHECK(cluster.shown("w1")->address.port == 9003);
}

TEST_CASE("the late words of an incarnation that was replaced do not touch its successor") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(heartbeat_of("w1", "one", 9001)).ok());
  REQUIRE(cluster.hear(heartbeat_of("w1", "two", 9001)).ok());
  const auto successor = cluster.shown("w1")->id;
  auto bye = heartbeat_of("w1", "one", 9001);
  bye.condition = wire::WorkerCondition::bye;
  CHECK(*cluster.hear(bye) == Membership::left);
  CHECK(cluster.hear(heartbeat_of("w1", "one", 9001)).error().code == ErrorCode::conflict);
  CHECK(cluster.shown("w1")->id == successor);
  CHECK(cluster.traffic() == "w1");
}

TEST_CASE("one worker that changes its service or address is a new registration") {
  RegistryFixture cluster;
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  REQUIRE(cluster.hear(heartbeat).ok());
  const auto first = cluster.shown("w1")->id;
  heartbeat.service = "shop";
  REQUIRE(cluster.hear(heartbeat).ok());
  CHECK(cluster.traffic("default") == "no such service");
  CHECK(cluster.traffic("shop") == "w1");
  CHECK(cluster.shown("w1")->id > first);
  heartbeat.address.port = 9009;
  REQUIRE(cluster.hear(heartbeat).ok());
  CHECK(cluster.shown("w1")->address.port == 9009);
}

TEST_CASE("an unspecified address is the address that the heartbeat came from") {
  RegistryFixture cluster;
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  heartbeat.address = {"0.0.0.0", 9001};
  REQUIRE(cluster.hear(heartbeat).ok());
  const auto first = cluster.shown("w1");
  CHECK(first->address == Endpoint{"10.0.0.9", 9001});
  REQUIRE(cluster.hear(heartbeat).ok());
  CHECK(cluster.shown("w1") == first);
}

TEST_CASE("a worker cannot take the name of a backend, nor a backend that of a worker") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .address = {"10.0.0.5", 80}},
                                             cluster.time));
  CHECK(cluster.hear("n1").error().code == ErrorCode::conflict);
  REQUIRE(cluster.hear("w1").ok());
  const auto taken = cluster.registry.add({.name = "w1", .address = {"10.0.0.6", 80}});
  CHECK(taken.error().code == ErrorCode::conflict);
}

TEST_CASE("the last worker that fits registers, one more is refused and changes nothing") {
  RegistryFixture cluster;
  for (std::size_t i = 0; i < limits::workers_max; ++i) {
    REQUIRE(cluster.hear(fmt::format("w{}", i)).ok());
  }
  const auto refused = cluster.hear("one-more");
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::unavailable);
  CHECK(cluster.registry.workers(cluster.time).size() == limits::workers_max);
  CHECK(cluster.hear("w7").ok());
}

TEST_CASE("the last service that fits is kept, one more is refused by name of the field") {
  RegistryFixture cluster;
  for (std::size_t i = 0; i < limits::services_max; ++i) {
    auto heartbeat = RegistryFixture::heartbeat_of(fmt::format("w{}", i));
    heartbeat.service = fmt::format("s{}", i);
    REQUIRE(cluster.hear(heartbeat).ok());
  }
  auto heartbeat = RegistryFixture::heartbeat_of("one-more");
  heartbeat.service = "one-more";
  const auto refused = cluster.hear(heartbeat);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::unavailable);
  CHECK(refused.error().field == "service");
  heartbeat.service = "s7";
  CHECK(cluster.hear(heartbeat).ok());
}

}  // namespace tandem::master::registry_names_test
