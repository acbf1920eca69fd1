#include <catch2/catch.hpp>

#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_liveness_test {

TEST_CASE("the first heartbeat of a worker registers it and gives it traffic") {
  RegistryFixture cluster;
  CHECK(*cluster.hear("w1") == Membership::registered);
  CHECK(cluster.state("w1") == "up");
  CHECK(cluster.reason("w1").empty());
  CHECK(cluster.traffic() == "w1");
}

TEST_CASE("a worker is up at three missed intervals and down after them") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  cluster.pass(3s);
  CHECK(cluster.state("w1") == "up");
  cluster.pass(cluster.registry.options().tick_interval());
  CHECK(cluster.state("w1") == "down");
  CHECK(cluster.reason("w1") == "3 heartbeats missed");
  CHECK(cluster.traffic().empty());
}

TEST_CASE("a shorter interval counts against workers once they have had the time to hear of it") {
  RegistryFixture cluster({.heartbeat_interval = 10s});
  REQUIRE(cluster.hear("w1").ok());
  REQUIRE(cluster.hear("w2").ok());
  cluster.pass(9s);
  cluster.registry.set_heartbeat_interval(100ms, cluster.time);
  cluster.pass(1s);
  CHECK(cluster.state("w1") == "up");  // its heartbeat is due now
  REQUIRE(cluster.hear("w1").ok());
  cluster.pass(20s);
  CHECK(cluster.state("w1") == "up");
  CHECK(cluster.state("w2") == "up");
  cluster.pass(10s);
  CHECK(cluster.state("w2") == "down");
  REQUIRE(cluster.hear("w1").ok());
  cluster.pass(250ms);
  CHECK(cluster.state("w1") == "up");
  cluster.pass(500ms);
  CHECK(cluster.state("w1") == "down");
}

TEST_CASE("a longer interval counts at once") {
  RegistryFixture cluster({.heartbeat_interval = 100ms});
  REQUIRE(cluster.hear("w1").ok());
  cluster.registry.set_heartbeat_interval(10s, cluster.time);
  cluster.pass(29s);
  CHECK(cluster.state("w1") == "up");
  cluster.pass(2s);
  CHECK(cluster.state("w1") == "down");
}

TEST_CASE("a worker that was down is up again with its next heartbeat, as the same registration") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  const auto before = cluster.shown("w1")->id;
  cluster.pass(5s);
  REQUIRE(cluster.state("w1") == "down");
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.state("w1") == "up");
  CHECK(cluster.shown("w1")->id == before);
}

TEST_CASE("a worker that is down for ten minutes is forgotten") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  cluster.pass(3s + cluster.registry.options().tick_interval());
  REQUIRE(cluster.state("w1") == "down");
  cluster.pass(10min);
  CHECK(cluster.state("w1") == "down");
  cluster.pass(cluster.registry.options().tick_interval());
  CHECK(cluster.state("w1") == "unknown");
  CHECK(cluster.traffic() == "no such service");
}

TEST_CASE("a frozen master holds the silence during its freeze against nobody") {
  RegistryFixture cluster;
  for (const auto* name : {"w1", "w2", "w3"}) REQUIRE(cluster.hear(name).ok());
  cluster.pass(2s);
  cluster.freeze(1h);
  cluster.registry.tick(cluster.time);
  CHECK(cluster.traffic() == "w1 w2 w3");
  // The silence before the freeze still counts: one interval is left.
  cluster.pass(700ms);
  CHECK(cluster.traffic() == "w1 w2 w3");
  cluster.pass(500ms);
  CHECK(cluster.traffic().empty());
}

TEST_CASE("after a freeze the first heartbeat heard evicts nobody else either") {
  RegistryFixture cluster;
  for (const auto* name : {"w1", "w2"}) REQUIRE(cluster.hear(name).ok());
  cluster.freeze(20s);
  REQUIRE(cluster.hear("w1").ok());
  cluster.registry.tick(cluster.time);
  cluster.pass(1s);
  CHECK(cluster.traffic() == "w1 w2");
  cluster.pass(2s);
  CHECK(cluster.traffic() ==
        "w1");  // w2 has been silent for three intervals, not counting the freeze
}

TEST_CASE("a tick that is late shifts deadlines although heartbeats were handled meanwhile") {
  RegistryFixture cluster;
  for (const auto* name : {"w1", "w2"}) REQUIRE(cluster.hear(name).ok());
  cluster.registry.tick(cluster.time);
  for (int i = 0; i < 50; ++i) {  // five seconds of backlog; w2's heartbeats are further back in it
    cluster.time = cluster.time + 100ms;
    REQUIRE(cluster.hear("w1").ok());
  }
  cluster.registry.tick(cluster.time);
  CHECK(cluster.traffic() == "w1 w2");
}

TEST_CASE("a refused connection makes a worker suspect at once, until a later heartbeat") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  const auto worker = cluster.shown("w1");
  cluster.fail_at(worker);
  CHECK(cluster.state("w1") == "suspect");
  CHECK(cluster.reason("w1") == "connection refused");
  CHECK(cluster.traffic().empty());
  cluster.pass(1s);
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.state("w1") == "up");
  CHECK(cluster.traffic() == "w1");
  CHECK(!worker->counters->suspect);
  CHECK(cluster.shown("w1")->id == worker->id);
}

TEST_CASE("a heartbeat that was on its way when the worker died does not bring it back") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  const auto worker = cluster.shown("w1");
  cluster.fail_at(worker);
  REQUIRE(cluster.hear("w1").ok());
  cluster.time = cluster.time + 250ms;
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.state("w1") == "suspect");
  CHECK(worker->counters->suspect);
  cluster.time = cluster.time + 1ms;
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.state("w1") == "up");
}

TEST_CASE(
    "a worker that heartbeats but refuses connections is tried ever more rarely, within a bound") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  std::vector<Duration> absences;
  for (int round = 0; round < 12; ++round) {
    cluster.fail_at(cluster.shown("w1"));
    const auto failed = cluster.time;
    while (cluster.state("w1") != "up") cluster.pass_hearing(10ms, {"w1"});
    absences.push_back(cluster.time - failed);
  }
  CHECK(absences.front() < 300ms);
  CHECK(std::is_sorted(absences.begin(), absences.end()));
  CHECK(absences.back() >= 30s);
  CHECK(absences.back() < 31s);
  CHECK(cluster.shown("w1") != nullptr);
}

TEST_CASE("a worker that answers requests between its failures is held no longer each time") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  for (int round = 0; round < 12; ++round) {
    const auto worker = cluster.shown("w1");
    worker->counters->answers.take()->add(false, 200);
    cluster.fail_at(worker);
    cluster.time = cluster.time + 251ms;
    REQUIRE(cluster.hear("w1").ok());
    CHECK(cluster.state("w1") == "up");
  }
}

TEST_CASE("loops are told when a suspect may be back, until it is, or is down") {
  RegistryFixture cluster;
  const auto may_return_at = [&] {
    cluster.registry.publish();
    return cluster.snapshots.back()->find("default")->may_return_at;
  };
  REQUIRE(cluster.hear("w1").ok());
  CHECK(may_return_at() == Instant::forever());
  cluster.fail_at(cluster.shown("w1"));
  CHECK(may_return_at() == cluster.time + 250ms);
  cluster.pass_hearing(1s, {"w1"});
  cluster.pass_hearing(10ms, {"w1"});
  REQUIRE(cluster.state("w1") == "up");
  CHECK(may_return_at() == Instant::forever());
  cluster.fail_at(cluster.shown("w1"));
  CHECK(may_return_at() != Instant::forever());
  cluster.pass(4s);
  REQUIRE(cluster.state("w1") == "down");
  CHECK(may_return_at() == Instant::forever());
}

TEST_CASE("a drained suspect is waited for by nobody") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  const auto worker = cluster.shown("w1");
  REQUIRE(cluster.drain("w1").ok());
  cluster.fail_at(worker);
  cluster.registry.publish();
  CHECK(cluster.snapshots.back()->find("default")->may_return_at == Instant::forever());
}

TEST_CASE("a worker that was well for long is not held to its past") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  for (int round = 0; round < 5; ++round) {
    cluster.fail_at(cluster.shown("w1"));
    while (cluster.state("w1") != "up") cluster.pass_hearing(10ms, {"w1"});
  }
  cluster.pass_hearing(61s, {"w1"});
  cluster.fail_at(cluster.shown("w1"));
  cluster.time = cluster.time + 251ms;
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.state("w1") == "up");
}

TEST_CASE("many reports of one failure do not lengthen the suspicion") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  const auto worker = cluster.shown("w1");
  for (int i = 0; i < 100; ++i) cluster.fail_at(worker, FailureKind::timed_out);
  cluster.time = cluster.time + 251ms;
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.state("w1") == "up");
}

TEST_CASE("a report of a registration that was replaced concerns nobody") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  const auto old = cluster.shown("w1");
  auto restarted = RegistryFixture::heartbeat_of("w1");
  restarted.incarnation = "w1-second";
  REQUIRE(cluster.hear(restarted).ok());
  cluster.fail_at(old);
  CHECK(cluster.state("w1") == "up");
}

TEST_CASE("a suspect worker that falls silent is down, and needs one good heartbeat") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  const auto worker = cluster.shown("w1");
  cluster.fail_at(worker);
  cluster.pass(4s);
  CHECK(cluster.state("w1") == "down");
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.state("w1") == "up");
  CHECK(!worker->counters->suspect);
}

TEST_CASE("a worker that says draining leaves at once and comes back when it says up") {
  RegistryFixture cluster;
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  REQUIRE(cluster.hear(heartbeat).ok());
  heartbeat.condition = wire::WorkerCondition::draining;
  CHECK(*cluster.hear(heartbeat) == Membership::registered);
  CHECK(cluster.state("w1") == "draining");
  CHECK(cluster.reason("w1") == "asked to be drained");
  CHECK(cluster.traffic().empty());
  heartbeat.condition = wire::WorkerCondition::up;
  REQUIRE(cluster.hear(heartbeat).ok());
  CHECK(cluster.traffic() == "w1");
}

TEST_CASE("a worker whose service fails its health check is down with that reason") {
  RegistryFixture cluster;
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  heartbeat.condition = wire::WorkerCondition::failing;
  REQUIRE(cluster.hear(heartbeat).ok());
  CHECK(cluster.state("w1") == "down");
  CHECK(cluster.reason("w1") == "its service fails its health check");
  heartbeat.condition = wire::WorkerCondition::up;
  REQUIRE(cluster.hear(heartbeat).ok());
  CHECK(cluster.traffic() == "w1");
}

TEST_CASE("a worker that says bye leaves at once and is forgotten soon after") {
  RegistryFixture cluster;
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  REQUIRE(cluster.hear(heartbeat).ok());
  heartbeat.condition = wire::WorkerCondition::bye;
  CHECK(*cluster.hear(heartbeat) == Membership::left);
  CHECK(cluster.state("w1") == "draining");
  CHECK(cluster.traffic().empty());
  // A heartbeat that overtook the bye does not bring it back.
  CHECK(*cluster.hear("w1") == Membership::left);
  CHECK(cluster.traffic().empty());
  cluster.pass(4s);
  CHECK(cluster.state("w1") == "unknown");
}

TEST_CASE("the bye of a stranger registers nobody") {
  RegistryFixture cluster;
  auto heartbeat = RegistryFixture::heartbeat_of("w1");
  heartbeat.condition = wire::WorkerCondition::bye;
  CHECK(*cluster.hear(heartbeat) == Membership::left);
  CHECK(cluster.state("w1") == "unknown");
}

TEST_CASE("a backend gets traffic after its first good probe, and never for a mere address") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .address = {"10.0.0.5", 80}},
                                             cluster.time));
  REQUIRE(cluster.backends.size() == 1);
  CHECK(cluster.registry.probe_target(cluster.backends[0])->addresses.front() ==
        Endpoint{"10.0.0.5", 80});
  CHECK(cluster.state("n1") == "down");
  CHECK(cluster.reason("n1") == "not probed yet");
  CHECK(!cluster.registry.worker("n1", cluster.time)->last_heartbeat_ms);
  CHECK(cluster.traffic().empty());
  cluster.registry.probe_result(cluster.backends[0], std::nullopt, cluster.time);
  CHECK(cluster.traffic() == "n1");
  CHECK(cluster.shown("n1")->term_key.empty());
  CHECK(cluster.registry.worker("n1", cluster.time)->last_heartbeat_ms == 0);
}

TEST_CASE("a backend is down after three failed probes in a row, not after two") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .address = {"10.0.0.5", 80}},
                                             cluster.time));
  const auto id = cluster.backends[0];
  const auto probe = [&](std::optional<FailureKind> failure) {
    cluster.pass(1s);
    cluster.registry.probe_result(id, failure, cluster.time);
  };
  probe(std::nullopt);
  probe(FailureKind::timed_out);
  probe(FailureKind::unhealthy);
  probe(std::nullopt);
  probe(FailureKind::timed_out);
  probe(FailureKind::timed_out);
  CHECK(cluster.state("n1") == "up");
  probe(FailureKind::timed_out);
  CHECK(cluster.state("n1") == "down");
  CHECK(cluster.reason("n1") == "health check failed: timed out");
  probe(std::nullopt);
  CHECK(cluster.state("n1") == "up");
}

TEST_CASE("a backend that refuses a probe is suspect at once, and down after three") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .address = {"10.0.0.5", 80}},
                                             cluster.time));
  const auto id = cluster.backends[0];
  cluster.registry.probe_result(id, std::nullopt, cluster.time);
  for (const auto* expected : {"suspect", "suspect", "down"}) {
    cluster.pass(1s);
    cluster.registry.probe_result(id, FailureKind::refused, cluster.time);
    CHECK(cluster.state("n1") == expected);
  }
  CHECK(cluster.reason("n1") == "health check failed: connection refused");
  cluster.pass(1s);
  cluster.registry.probe_result(id, std::nullopt, cluster.time);
  CHECK(cluster.traffic() == "n1");
}

TEST_CASE("a backend that accepts probes and breaks them off is down after three, never suspect") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .address = {"10.0.0.5", 80}},
                                             cluster.time));
  const auto id = cluster.backends[0];
  cluster.registry.probe_result(id, std::nullopt, cluster.time);
  for (const auto* expected : {"up", "up", "down"}) {
    cluster.pass(1s);
    cluster.registry.probe_result(id, FailureKind::reset, cluster.time);
    CHECK(cluster.state("n1") == expected);
  }
  CHECK(cluster.reason("n1") == "health check failed: connection reset");
}

TEST_CASE("a backend that nobody probed for a while is judged by no silence") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .address = {"10.0.0.5", 80}},
                                             cluster.time));
  cluster.registry.probe_result(cluster.backends[0], std::nullopt, cluster.time);
  cluster.pass(1min);
  CHECK(cluster.traffic() == "n1");
}

}  // namespace tandem::master::registry_liveness_test
