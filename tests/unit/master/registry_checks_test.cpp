// Health checks, as a service's settings want them.
#include <catch2/catch.hpp>

#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_checks_test {
namespace {

// Of the service `default`, each KEY=VALUE.
void set(RegistryFixture& cluster, const std::vector<std::string>& settings) {
  wire::ServiceSettings said;
  for (const auto& setting : settings) REQUIRE(wire::parse_setting(setting, "setting", said));
  REQUIRE(
      cluster.registry.apply(*cluster.registry.set_settings("default", said), cluster.time).ok());
}

WorkerId add_backend(RegistryFixture& cluster, const std::string& name = "n1") {
  REQUIRE(cluster.registry.configure_backend({.name = name, .address = {"10.0.0.5", 80}},
                                             cluster.time));
  return cluster.backends.back();
}

void probe(RegistryFixture& cluster, WorkerId id, std::optional<ProbeFailure> failure = {}) {
  cluster.pass(1s);
  cluster.registry.probe_result(id, failure, cluster.time);
}

constexpr auto unhealthy = FailureKind::unhealthy;

}  // namespace

TEST_CASE("a service's settings say how its workers are probed, from then on") {
  RegistryFixture cluster;
  const auto id = add_backend(cluster);
  auto check = cluster.registry.probe_target(id)->check;
  CHECK(check.path == "/health");
  CHECK(check.interval == 1s);
  CHECK(check.timeout == 1s);
  CHECK(check.expects(404));
  CHECK_FALSE(check.expects(500));
  set(cluster, {"check_path=/ready", "check_interval=10s", "check_status=200-299,404"});
  CHECK(cluster.backends.size() == 2);  // it is to be probed anew
  check = cluster.registry.probe_target(id)->check;
  CHECK(check.path == "/ready");
  CHECK(check.interval == 10s);
  CHECK(check.timeout == 2s);
  CHECK(check.expects(404));
  CHECK_FALSE(check.expects(301));
  set(cluster, {"check_path=/ready", "check_interval=10s", "check_status=200-299,404", "queue=7"});
  CHECK(cluster.backends.size() == 2);
}

TEST_CASE("a backend gets traffic after as many good checks in a row as are wanted") {
  RegistryFixture cluster;
  set(cluster, {"check_healthy=3"});
  const auto id = add_backend(cluster);
  probe(cluster, id);
  probe(cluster, id);
  CHECK(cluster.traffic().empty());
  CHECK(cluster.reason("n1") == "2 good health checks in a row are not enough yet");
  probe(cluster, id, unhealthy);
  probe(cluster, id);
  probe(cluster, id);
  CHECK(cluster.traffic().empty());
  probe(cluster, id);
  CHECK(cluster.traffic() == "n1");
}

TEST_CASE("a backend is down after as many bad checks in a row as are allowed") {
  RegistryFixture cluster;
  set(cluster, {"check_unhealthy=2"});
  const auto id = add_backend(cluster);
  probe(cluster, id);
  probe(cluster, id, ProbeFailure(unhealthy, 503));
  CHECK(cluster.state("n1") == "up");
  probe(cluster, id, ProbeFailure(unhealthy, 503));
  CHECK(cluster.state("n1") == "down");
  CHECK(cluster.reason("n1") == "health check failed: status 503");
}

TEST_CASE("a worker that heartbeats is not probed unless its service wants it") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.backends.empty());
  CHECK_FALSE(cluster.registry.probe_target(cluster.shown("w1")->id));
  set(cluster, {"check_workers=true"});
  REQUIRE(cluster.backends.size() == 1);
  CHECK(cluster.registry.probe_target(cluster.backends[0]));
  CHECK(cluster.traffic() == "w1");  // it serves on until its checks fail
  set(cluster, {"check_workers=false"});
  CHECK_FALSE(cluster.registry.probe_target(cluster.backends[0]));
}

TEST_CASE("a worker that joins a checked service gets traffic after its first good check") {
  RegistryFixture cluster;
  set(cluster, {"check_workers=true"});
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.state("w1") == "down");
  CHECK(cluster.reason("w1") == "not probed yet");
  CHECK(cluster.traffic().empty());
  REQUIRE(cluster.backends.size() == 1);
  probe(cluster, cluster.backends[0]);
  CHECK(cluster.traffic() == "w1");
}

TEST_CASE("a checked worker that fails its checks is down though it heartbeats, until a good one") {
  RegistryFixture cluster;
  set(cluster, {"check_workers=true"});
  for (const auto* name : {"w1", "w2", "w3"}) REQUIRE(cluster.hear(name).ok());
  for (const auto id : std::vector(cluster.backends)) probe(cluster, id);
  const auto id = cluster.shown("w1")->id;
  for (int i = 0; i < 3; ++i) {
    CHECK(cluster.traffic() == "w1 w2 w3");
    cluster.pass_hearing(1s, {"w1", "w2", "w3"});
    cluster.registry.probe_result(id, ProbeFailure(unhealthy, 500), cluster.time);
  }
  cluster.pass_hearing(5s, {"w1", "w2", "w3"});
  CHECK(cluster.state("w1") == "down");
  CHECK(cluster.reason("w1") == "health check failed: status 500");
  CHECK(cluster.traffic() == "w2 w3");
  cluster.registry.probe_result(id, std::nullopt, cluster.time);
  CHECK(cluster.traffic() == "w1 w2 w3");
}

TEST_CASE("good checks do not bring back a worker that is silent") {
  RegistryFixture cluster;
  set(cluster, {"check_workers=true"});
  REQUIRE(cluster.hear("w1").ok());
  const auto id = cluster.backends[0];
  probe(cluster, id);
  cluster.pass(5s);
  REQUIRE(cluster.state("w1") == "down");
  probe(cluster, id);
  CHECK(cluster.state("w1") == "down");
  CHECK(cluster.reason("w1") == "3 heartbeats missed");
}

TEST_CASE("settings that are taken back take their checks along") {
  RegistryFixture cluster;
  set(cluster, {"check_workers=true", "check_unhealthy=1"});
  REQUIRE(cluster.hear("w1").ok());
  const auto id = cluster.backends[0];
  probe(cluster, id, FailureKind::timed_out);
  REQUIRE(cluster.hear("w1").ok());
  REQUIRE(cluster.state("w1") == "down");
  REQUIRE(cluster.registry.apply(*cluster.registry.remove_settings("default"), cluster.time).ok());
  CHECK(cluster.state("w1") == "up");
}

TEST_CASE("checks are counted by service and by how they ended") {
  RegistryFixture cluster;
  const auto id = add_backend(cluster);
  for (int good = 0; good < 3; ++good) probe(cluster, id);
  probe(cluster, id, unhealthy);
  const auto& counts = cluster.registry.check_counts().all();
  REQUIRE(counts.size() == 1);
  CHECK(counts.at("default").checks_good == 3);
  CHECK(counts.at("default").checks_failed == 1);
}

TEST_CASE("checks of services beyond the limit are counted together") {
  CheckCounts counts;
  for (std::size_t number = 0; number < tandem::limits::checked_services_max + 9; ++number) {
    ++counts.of("s" + std::to_string(number)).checks_good;
  }
  CHECK(counts.all().size() == tandem::limits::checked_services_max + 1);
  CHECK(counts.all().at("other").checks_good == 9);
}

TEST_CASE("workers are listed some at a time, and none is left out") {
  RegistryFixture cluster;
  for (std::uint16_t number = 1; number <= 3; ++number) {
    const auto name = "n" + std::to_string(number);
    REQUIRE(cluster.registry.configure_backend({.name = name, .address = {"10.0.0.5", number}},
                                               cluster.time));
  }
  const auto first = cluster.registry.workers_after("", 2, cluster.time);
  REQUIRE(first.size() == 2);
  CHECK(first[0].name == "n1");
  const auto rest = cluster.registry.workers_after(first[1].name, 2, cluster.time);
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].name == "n3");
}

}  // namespace tandem::master::registry_checks_test
