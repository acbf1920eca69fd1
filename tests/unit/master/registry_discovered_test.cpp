// Workers that registries of others list, beside those that are known otherwise.
#include <catch2/catch.hpp>

#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_discovered_test {
namespace {

const Endpoint place{"10.0.0.7", 9001};
constexpr auto name = "10.0.0.7-9001";

wire::WorkerSpec listed(const Endpoint& address, const std::string& service = "default",
                        unsigned weight = 100) {
  return {.name = wire::name_of_worker_at(address),
          .service = service,
          .address = address,
          .weight = weight};
}

struct Scene : RegistryFixture {
  void list(const std::vector<wire::WorkerSpec>& specs) {
    Registry::Discovered all;
    for (const auto& spec : specs) all.emplace(spec.name, spec);
    registry.discover(std::move(all), time);
  }
  void probe_well(const std::string& worker) {
    const auto found = ids.find(worker);
    if (found != ids.end()) return registry.probe_result(found->second, {}, time);
    registry.probe_result(backends.back(), {}, time);
    ids[worker] = backends.back();
  }
  wire::Heartbeat heartbeat_at(const std::string& worker, const Endpoint& address) {
    auto heartbeat = heartbeat_of(worker);
    heartbeat.address = address;
    return heartbeat;
  }
  std::map<std::string, WorkerId> ids;
};

}  // namespace

TEST_CASE(
    "what a registry lists is a worker once a probe of it was good, until it is listed no more") {
  Scene cluster;
  cluster.list({listed(place)});
  CHECK(cluster.state(name) == "down");
  CHECK(cluster.registry.worker(name, cluster.time)->kind == "discovered");
  cluster.probe_well(name);
  CHECK(cluster.traffic() == name);
  const auto before = cluster.shown(name);
  cluster.list({listed(place), listed({"10.0.0.8", 9001})});
  CHECK(cluster.shown(name)->id == before->id);  // not touched
  cluster.list({listed({"10.0.0.8", 9001})});
  CHECK(cluster.state(name) == "unknown");
  CHECK(cluster.traffic().empty());
  CHECK(cluster.registry.undiscovered().empty());
}

TEST_CASE("a listed worker whose weight changes goes on as it is, with the new weight") {
  Scene cluster;
  cluster.list({listed(place)});
  cluster.probe_well(name);
  const auto before = cluster.shown(name);
  cluster.list({listed(place, "default", 7)});
  const auto after = cluster.shown(name);
  REQUIRE(after != nullptr);
  CHECK(after->weight == 7);
  CHECK(after->id == before->id);
}

TEST_CASE("a listed worker that is listed for another service is a worker there alone") {
  Scene cluster;
  cluster.list({listed(place, "a")});
  cluster.probe_well(name);
  cluster.list({listed(place, "b")});
  cluster.registry.probe_result(cluster.backends.back(), {}, cluster.time);
  CHECK(cluster.traffic("b") == name);
  CHECK(cluster.traffic("a") == "no such service");
}

TEST_CASE("a worker that heartbeats at a listed address is the one worker there") {
  Scene cluster;
  cluster.list({listed(place)});
  cluster.probe_well(name);
  REQUIRE(cluster.hear(cluster.heartbeat_at("w", place)).ok());
  CHECK(cluster.traffic() == "w");
  CHECK(cluster.state(name) == "unknown");
  CHECK(cluster.registry.undiscovered().count(name) == 1);
  // It comes first whenever the list comes.
  cluster.list({listed(place)});
  CHECK(cluster.traffic() == "w");
  CHECK(cluster.state(name) == "unknown");
  // Once it is silent, what is listed is taken for what it says.
  cluster.pass(6s);
  CHECK(cluster.state("w") == "unknown");
  CHECK(cluster.state(name) == "down");
  cluster.registry.probe_result(cluster.backends.back(), {}, cluster.time);
  CHECK(cluster.traffic() == name);
  CHECK(cluster.registry.undiscovered().empty());
}

TEST_CASE("a worker that heartbeats by the very name of a listed one gets it") {
  Scene cluster;
  cluster.list({listed(place)});
  REQUIRE(cluster.hear(cluster.heartbeat_at(name, place)).ok());
  CHECK(cluster.registry.worker(name, cluster.time)->kind == "tandem");
  cluster.list({listed(place)});
  CHECK(cluster.registry.worker(name, cluster.time)->kind == "tandem");
  cluster.list({});
  CHECK(cluster.registry.worker(name, cluster.time)->kind == "tandem");
}

TEST_CASE("a backend at a listed address is the one worker there, by --backend and by the API") {
  Scene cluster;
  cluster.list({listed(place)});
  SECTION("--backend") {
    Registry::Configured configured{.backends = {listed(place)}, .routes = {}, .services = {}};
    REQUIRE(cluster.registry.reconfigure(configured, cluster.time).ok());
    CHECK(cluster.registry.worker(name, cluster.time)->kind == "backend");
    configured.backends.clear();
    REQUIRE(cluster.registry.reconfigure(configured, cluster.time).ok());
  }
  SECTION("the API, by the same name") {
    REQUIRE(cluster.add(listed(place)).ok());
    CHECK(cluster.registry.worker(name, cluster.time)->kind == "backend");
    cluster.list({listed(place)});
    CHECK(cluster.registry.worker(name, cluster.time)->kind == "backend");
    REQUIRE(cluster.remove(name).ok());
  }
  SECTION("the API, by a name of its own") {
    auto spec = listed(place);
    spec.name = "own";
    REQUIRE(cluster.add(spec).ok());
    CHECK(cluster.state(name) == "unknown");
    REQUIRE(cluster.remove("own").ok());
  }
  CHECK(cluster.state(name) == "unknown");
  cluster.pass(2s);
  CHECK(cluster.registry.worker(name, cluster.time)->kind == "discovered");
}

TEST_CASE("a worker that another master hears comes before what is listed at its address") {
  Scene cluster;
  JoinedWorker joined;
  joined.service = "default";
  joined.address = place;
  SECTION("listed first") { cluster.list({listed(place)}); }
  REQUIRE(cluster.registry.apply(Join{"w", joined}, cluster.time).ok());
  cluster.list({listed(place)});
  CHECK(cluster.state("w") == "down");
  CHECK(cluster.state(name) == "unknown");
  REQUIRE(cluster.hear(cluster.heartbeat_at("w", place)).ok());
  CHECK(cluster.traffic() == "w");
}

TEST_CASE("an operator drains and weighs a listed worker, and cannot remove it") {
  Scene cluster;
  cluster.list({listed(place)});
  cluster.probe_well(name);
  REQUIRE(cluster.drain(name).ok());
  CHECK(cluster.state(name) == "draining");
  // By its name, for as long as the operator wants it.
  cluster.list({});
  cluster.list({listed(place)});
  cluster.registry.probe_result(cluster.backends.back(), {}, cluster.time);
  CHECK(cluster.state(name) == "draining");
  REQUIRE(cluster.undrain(name).ok());
  REQUIRE(cluster.set_weight(name, 3).ok());
  CHECK(cluster.shown(name)->weight == 3);
  const auto removed = cluster.remove(name);
  REQUIRE_FALSE(removed.ok());
  CHECK(removed.error().code == ErrorCode::conflict);
}

TEST_CASE("listed workers are no part of what the primary commits") {
  Scene cluster;
  cluster.list({listed(place)});
  cluster.probe_well(name);
  cluster.registry.began_to_lead(cluster.time);
  CHECK(cluster.commit_registrations() == 0);
}

}  // namespace tandem::master::registry_discovered_test
