// More than half of a service is out for its health.
#include <algorithm>

#include <catch2/catch.hpp>

#include "master/registry/ejection.hpp"
#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_panic_test {
namespace {

wire::ServiceHealth health(const RegistryFixture& cluster) {
  return cluster.registry.service_health().at(0);
}

// Five workers, of which those named heartbeat on and the others are down.
struct Five : RegistryFixture {
  explicit Five(const std::vector<std::string>& well) {
    for (const auto* name : {"w1", "w2", "w3", "w4", "w5"}) REQUIRE(hear(name).ok());
    registry.publish();
    pass_hearing(5s, well);
  }
};

}  // namespace

TEST_CASE("half of a service that is out is no panic") {
  Five cluster({"w1", "w2", "w3"});
  CHECK(health(cluster).workers == 5);
  CHECK(health(cluster).out == 2);
  CHECK_FALSE(health(cluster).panic);
  CHECK(cluster.traffic() == "w1 w2 w3");
  CHECK(cluster.last_resort().empty());
}

TEST_CASE("when more than half are out those are asked as a last resort, until they are well") {
  Five cluster({"w1", "w2"});
  CHECK(health(cluster).out == 3);
  CHECK(health(cluster).panic);
  CHECK(cluster.registry.service("default", cluster.time)->panic);
  CHECK(cluster.traffic() == "w1 w2");
  CHECK(cluster.last_resort() == "w3 w4 w5");
  CHECK(cluster.state("w3") == "down");
  const auto counters = cluster.shown("w3")->counters;
  CHECK(counters->ejected_until != 0);  // one request at a time
  CHECK(cluster.registry.found_out(cluster.time).ejected.empty());
  CHECK(cluster.registry.found_out(cluster.time).panicking == std::vector<std::string>{"default"});
  REQUIRE(cluster.hear("w3").ok());
  CHECK(cluster.traffic() == "w1 w2 w3");
  CHECK(cluster.last_resort().empty());
  CHECK_FALSE(health(cluster).panic);
  CHECK(counters->ejected_until == 0);
}

TEST_CASE("all of a service that fell silent at once are asked as a last resort") {
  Five cluster({});
  CHECK(cluster.traffic().empty());
  CHECK(cluster.last_resort() == "w1 w2 w3 w4 w5");
}

TEST_CASE("workers that drain, leave, weigh nothing or were never well are asked by no panic") {
  RegistryFixture cluster;
  for (const auto* name : {"w1", "w2", "w3", "w4"}) REQUIRE(cluster.hear(name).ok());
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .address = {"10.0.0.5", 80}},
                                             cluster.time));
  REQUIRE(cluster.drain("w1"));
  auto leaving = RegistryFixture::heartbeat_of("w2");
  leaving.condition = wire::WorkerCondition::bye;
  REQUIRE(cluster.hear(leaving).ok());
  REQUIRE(cluster.set_weight("w3", 0));
  cluster.pass(3500ms);
  CHECK(cluster.last_resort() == "w4");
  CHECK(health(cluster).workers == 1);
  REQUIRE(cluster.drain("w4"));
  CHECK(cluster.last_resort().empty());
  CHECK_FALSE(health(cluster).panic);
}

TEST_CASE("those that loops have ejected count among those that are out") {
  Five cluster({"w1", "w2", "w3"});
  const auto counters = cluster.shown("w1")->counters;
  eject(*counters, {.first = 1h, .max = 1h}, cluster.time);
  cluster.pass_hearing(1s, {"w1", "w2", "w3"});
  CHECK(health(cluster).panic);
  CHECK(cluster.traffic() == "w1 w2 w3");
  CHECK(cluster.last_resort() == "w4 w5");
  counters->ejected_until = 0;
  cluster.pass_hearing(1s, {"w1", "w2", "w3"});
  CHECK_FALSE(health(cluster).panic);
  CHECK(cluster.last_resort().empty());
}

TEST_CASE("a worker of last resort that refuses is left alone for a time that grows") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  cluster.fail_at(cluster.shown("w1"), FailureKind::reset);
  REQUIRE(cluster.last_resort() == "w1");
  const auto counters = cluster.shown("w1")->counters;
  CHECK_FALSE(counters->suspect);
  for (const auto length : {1s, 2s, 4s}) {
    cluster.pass(1ms);
    cluster.fail_at(cluster.shown("w1"), FailureKind::reset);
    CHECK_FALSE(counters->suspect);
    CHECK(counters->ejected_until == (cluster.time + length).since_boot().count());
  }
  cluster.pass(1s);
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.traffic() == "w1");
  CHECK(counters->ejected_until == 0);
}

TEST_CASE("a suspect that is a last resort no more is as suspect as before") {
  RegistryFixture cluster;
  for (const auto* name : {"w1", "w2", "w3"}) REQUIRE(cluster.hear(name).ok());
  const auto one = cluster.shown("w1");
  const auto two = cluster.shown("w2");
  cluster.fail_at(one, FailureKind::reset);
  cluster.fail_at(two, FailureKind::reset);
  REQUIRE(cluster.last_resort() == "w1 w2");
  CHECK_FALSE(two->counters->suspect);
  cluster.pass(500ms);
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.traffic() == "w1 w3");
  CHECK(cluster.last_resort().empty());
  CHECK(two->counters->suspect);
}

TEST_CASE("a standby shows the panic that the primary sees, and forgets it when it leads") {
  RegistryFixture standby;
  REQUIRE(standby.hear("w1").ok());
  standby.registry.publish();
  standby.registry.take_found_out({.ejected = {}, .panicking = {"default"}}, standby.time);
  CHECK(health(standby).panic);
  CHECK(standby.registry.found_out(standby.time).panicking.empty());
  standby.registry.began_to_lead(standby.time);
  CHECK_FALSE(health(standby).panic);
}

TEST_CASE("a standby's own last resorts are not the primary's ejected workers") {
  RegistryFixture standby;
  REQUIRE(standby.hear("w1").ok());
  standby.pass(5s);
  REQUIRE(standby.last_resort() == "w1");
  const auto counters = standby.shown("w1")->counters;
  standby.registry.take_found_out({.ejected = {{"w1", 1h, 3, "x"}}, .panicking = {}}, standby.time);
  standby.registry.take_found_out({}, standby.time);
  CHECK(counters->ejected_until == 1);
}

TEST_CASE(
    "a service that a route names has a health without workers, one with settings alone none") {
  RegistryFixture cluster;
  const auto named = [&] {
    std::string names;
    for (const auto& each : cluster.registry.service_health()) {
      names += fmt::format("{}={} ", each.name, each.workers);
      CHECK_FALSE(each.panic);
    }
    return names;
  };
  REQUIRE(cluster.hear("w1").ok());
  cluster.pass_hearing(100ms, {"w1"});
  CHECK(named() == "default=1 ");
  const wire::Route route{.host = "", .prefix = "/pay", .service = "payments"};
  REQUIRE(cluster.commit(cluster.registry.set_route(route)).ok());
  CHECK(named() == "default=1 payments=0 ");
  wire::ServiceSettings settings;
  settings.rules.attempts = 2;
  REQUIRE(cluster.commit(cluster.registry.set_settings("cart", settings)).ok());
  CHECK(named() == "default=1 payments=0 ");
  auto worker = RegistryFixture::heartbeat_of("w2");
  worker.service = "payments";
  REQUIRE(cluster.hear(worker).ok());
  cluster.pass_hearing(100ms, {"w1"});
  CHECK(named() == "default=1 payments=1 ");
  cluster.pass_hearing(cluster.registry.options().forget_after + 10s, {"w1"});
  CHECK(named() == "default=1 payments=0 ");
  REQUIRE(cluster.commit(cluster.registry.remove_route("", "/pay")).ok());
  CHECK(named() == "default=1 ");
}

TEST_CASE("the default service is missed when its workers are forgotten, unless none asks for it") {
  RegistryFixture cluster;
  const auto misses_default = [&] {
    const auto all = cluster.registry.service_health();
    return std::any_of(all.begin(), all.end(), [](const auto& each) {
      return each.name == "default" && each.workers == 0;
    });
  };
  auto other = RegistryFixture::heartbeat_of("w2");
  other.service = "shop";
  REQUIRE(cluster.hear(other).ok());
  cluster.pass_hearing(100ms, {"w2"});
  cluster.commit_registrations();
  CHECK_FALSE(misses_default());  // no worker was ever meant to serve it
  REQUIRE(cluster.hear("w1").ok());
  cluster.pass_hearing(100ms, {"w1"});
  cluster.commit_registrations();
  CHECK_FALSE(misses_default());
  for (Duration passed = 0s; passed < cluster.registry.options().forget_after + 10s; passed += 1s) {
    REQUIRE(cluster.hear(other).ok());
    cluster.pass(1s);
    cluster.commit_registrations();
  }
  CHECK(misses_default());
  const wire::Route all{.host = "", .prefix = "/", .service = "shop"};
  REQUIRE(cluster.commit(cluster.registry.set_route(all)).ok());
  CHECK_FALSE(misses_default());
  REQUIRE(cluster.commit(cluster.registry.remove_route("", "/")).ok());
  CHECK(misses_default());
  REQUIRE(cluster.hear("w1").ok());
  cluster.pass_hearing(100ms, {"w1"});
  cluster.commit_registrations();
  CHECK_FALSE(misses_default());
}

}  // namespace tandem::master::registry_panic_test
