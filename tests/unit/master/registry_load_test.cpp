// What workers say of their load.
#include <catch2/catch.hpp>

#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_load_test {
namespace {

void hear_load(RegistryFixture& cluster, unsigned in_flight) {
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  heartbeat.in_flight = in_flight;
  REQUIRE(cluster.hear(heartbeat).ok());
  cluster.pass(1s);
}

}  // namespace

TEST_CASE("what a worker reports beyond this master's requests is load from elsewhere") {
  RegistryFixture cluster;
  hear_load(cluster, 10);
  hear_load(cluster, 10);
  auto& counters = *cluster.shown("w1")->counters;
  CHECK(counters.in_flight_elsewhere == 10);
  counters.in_flight = 4;
  hear_load(cluster, 10);
  CHECK(counters.in_flight_elsewhere == 6);
  CHECK(cluster.registry.worker("w1", cluster.time)->in_flight_elsewhere == 6);
  counters.in_flight = 12;
  hear_load(cluster, 10);
  CHECK(counters.in_flight_elsewhere == 0);
}

TEST_CASE("one heartbeat alone makes no worker look busy") {
  RegistryFixture cluster;
  hear_load(cluster, 50);
  auto& counters = *cluster.shown("w1")->counters;
  CHECK(counters.in_flight_elsewhere == 0);
  hear_load(cluster, 0);
  CHECK(counters.in_flight_elsewhere == 0);
}

TEST_CASE("a worker that fell silent is said to have nothing from elsewhere") {
  RegistryFixture cluster;
  hear_load(cluster, 10);
  hear_load(cluster, 10);
  const auto counters = cluster.shown("w1")->counters;
  cluster.pass(5s);
  CHECK(counters->in_flight_elsewhere == 0);
}

}  // namespace tandem::master::registry_load_test
