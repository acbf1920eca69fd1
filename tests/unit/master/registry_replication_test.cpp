// Registered workers, as the replicated state has them.
#include <catch2/catch.hpp>

#include "master/cluster/replicated_state.hpp"
#include "master/registry/ejection.hpp"
#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_replication_test {
namespace {

// Of a later version.
const wire::FeatureLevel later(wire::features::newest.value() + 1);

core::Entry entry(std::uint64_t index, core::CommandId id, const Change& change) {
  return {LogIndex(index), Term(1), core::Command{id, to_json(change)}};
}

wire::Heartbeat witness(const std::string& name) {
  auto heartbeat = RegistryFixture::heartbeat_of(name);
  heartbeat.takes_proof = true;
  heartbeat.witness = wire::WitnessOffer{7, {"0.0.0.0", 9101}};
  return heartbeat;
}

}  // namespace

TEST_CASE("a worker that is heard is registered once, and again when it says something else") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.commit_registrations() == 1);
  CHECK(cluster.registry.state().joined.contains("w1"));
  REQUIRE(cluster.hear("w1").ok());
  CHECK(cluster.commit_registrations() == 0);
  auto heavier = RegistryFixture::heartbeat_of("w1");
  heavier.weight = 7;
  REQUIRE(cluster.hear(heavier).ok());
  CHECK(cluster.commit_registrations() == 1);
  CHECK(cluster.registry.state().joined.at("w1").weight == 7);
}

TEST_CASE("a witness is registered with the address that it is heard from") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(witness("w1")).ok());
  cluster.commit_registrations();
  const auto& joined = cluster.registry.state().joined.at("w1");
  REQUIRE(joined.witness);
  CHECK(joined.witness->incarnation == 7);
  CHECK(joined.witness->control == Endpoint{"10.0.0.9", 9101});
}

TEST_CASE("a registered worker is listed until its leaving is committed") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  cluster.commit_registrations();
  cluster.pass(5s);
  CHECK(cluster.commit_registrations() == 0);  // down is not gone
  cluster.pass(11min);
  CHECK(cluster.state("w1") == "down");
  CHECK(cluster.commit_registrations() == 1);
  CHECK(cluster.state("w1") == "unknown");
  CHECK(cluster.registry.state().joined.empty());
}

TEST_CASE("a worker that is heard again before its leaving is applied stays, and joins again") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  cluster.commit_registrations();
  cluster.pass(11min);
  const auto leaving = cluster.registry.unregistered(cluster.time, 10);
  REQUIRE(leaving.size() == 1);
  REQUIRE(cluster.hear("w1").ok());
  REQUIRE(cluster.registry.apply(leaving[0], cluster.time).ok());
  CHECK(cluster.state("w1") == "up");
  CHECK(cluster.commit_registrations() == 1);
}

TEST_CASE("a worker's absence counts from when this master began to lead") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  cluster.commit_registrations();
  cluster.pass(11min);  // others may have heard it meanwhile
  cluster.registry.began_to_lead(cluster.time);
  CHECK(cluster.commit_registrations() == 0);
  cluster.pass(9min);
  CHECK(cluster.commit_registrations() == 0);
  cluster.pass(2min);
  CHECK(cluster.commit_registrations() == 1);
  CHECK(cluster.registry.state().joined.empty());
}

TEST_CASE("the state says of which term its last entry is") {
  RegistryFixture cluster;
  ReplicatedState state(cluster.registry);
  CHECK(state.term() == Term(0));
  REQUIRE(state.apply({LogIndex(1), Term(3), core::NoOp{}}, cluster.time).ok());
  CHECK(state.term() == Term(3));
  REQUIRE(state.apply({LogIndex(1), Term(2), core::NoOp{}}, cluster.time).ok());  // passed over
  CHECK(state.term() == Term(3));
  const core::Snapshot snapshot{LogIndex(7), Term(5), {}, state.to_bytes()};
  REQUIRE(state.restore(snapshot, cluster.time).ok());
  CHECK(state.term() == Term(5));
}

TEST_CASE("a worker that another master registered gets no traffic before it is heard") {
  RegistryFixture primary;
  REQUIRE(primary.hear("w1").ok());
  primary.commit_registrations();
  RegistryFixture standby;
  standby.registry.restore(primary.registry.state(), standby.time);
  CHECK(standby.state("w1") == "down");
  CHECK(standby.reason("w1") == "not heard yet");
  CHECK(standby.traffic().empty());
  REQUIRE(standby.hear("w1").ok());
  CHECK(standby.traffic() == "w1");
  CHECK(standby.commit_registrations() == 0);
}

TEST_CASE("a worker that is not heard yet is asked, and gets traffic when it answers") {
  RegistryFixture primary;
  REQUIRE(primary.hear("w1").ok());
  primary.commit_registrations();
  RegistryFixture restarted;
  restarted.registry.restore(primary.registry.state(), restarted.time);
  REQUIRE(restarted.backends.size() == 1);
  const auto id = restarted.backends[0];
  CHECK(restarted.registry.probe_target(id)->addresses.front() ==
        Endpoint{"127.0.0.1", RegistryFixture::port_of("w1")});
  restarted.registry.probe_result(id, FailureKind::refused, restarted.time);
  CHECK(restarted.state("w1") == "down");
  restarted.registry.probe_result(id, std::nullopt, restarted.time);
  CHECK(restarted.traffic() == "w1");
  CHECK(!restarted.registry.probe_target(id));
  const auto shown = restarted.shown("w1");
  REQUIRE(restarted.hear("w1").ok());
  CHECK(restarted.shown("w1") == shown);  // the same registration goes on
}

TEST_CASE("a witness that makes the connections is told of once all members know of such") {
  RegistryFixture cluster({}, wire::features::inner_addresses);
  const auto offer_in_log = [&](const std::string& name) {
    return cluster.registry.state().joined.at(name).witness;
  };
  // One that had an address votes already, and stays what it was.
  auto voter = RegistryFixture::heartbeat_of("w1");
  voter.witness = wire::WitnessOffer{7, {"10.0.0.9", 9101}};
  REQUIRE(cluster.hear(voter).ok());
  cluster.commit_registrations();
  const auto told = offer_in_log("w1");
  REQUIRE(told);
  voter.witness = wire::WitnessOffer{7, {}};
  auto newcomer = RegistryFixture::heartbeat_of("w2");
  newcomer.witness = wire::WitnessOffer{8, {}};
  REQUIRE(cluster.hear(voter).ok());
  REQUIRE(cluster.hear(newcomer).ok());
  CHECK(cluster.commit_registrations() == 1);
  CHECK(offer_in_log("w1") == told);
  CHECK_FALSE(offer_in_log("w2"));
  CHECK(cluster.commit_registrations() == 0);
  REQUIRE(
      cluster.registry.apply(RaiseFeatureLevel{wire::features::dialing_witnesses}, cluster.time)
          .ok());
  cluster.pass(100ms);
  CHECK(cluster.commit_registrations() == 2);
  CHECK(offer_in_log("w1") == voter.witness);
  CHECK(offer_in_log("w2") == newcomer.witness);
  CHECK(cluster.commit_registrations() == 0);
}

TEST_CASE("a snapshot takes away what it does not have, but not what is heard here") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  REQUIRE(cluster.add({.name = "n1", .address = {"10.0.0.5", 80}}).ok());
  REQUIRE(cluster.drain("w1").ok());
  cluster.commit_registrations();
  cluster.registry.restore({}, cluster.time);
  CHECK(cluster.state("n1") == "unknown");
  CHECK(cluster.state("w1") == "up");
  CHECK(cluster.commit_registrations() == 1);
}

TEST_CASE("a change survives its way through the log") {
  const auto same = [](const Change& change) {
    const auto read = parse_change(to_json(change));
    REQUIRE(read.ok());
    CHECK(to_json(*read) == to_json(change));
  };
  const wire::WitnessOffer witness{9, {"::1", 2}};
  same(Join{"w1", {"default", {"10.0.0.9", 9001}, "first", 5, 6, true, {}, witness}});
  const wire::WitnessOffer without_port{9, {}};
  same(Join{"w1", {"default", {"10.0.0.9", 9001}, "first", 5, 6, true, {}, without_port}});
  same(SetDrained{"b1", true, true});
  same(SetWeight{"b1", 7, true});
  same(Leave{"w1"});
  same(SetDrained{"w1", true});
  same(SetDrained{"w1", false});
  same(SetWeight{"w1", 7});
  same(SetWeight{"w1", std::nullopt});
  same(AddWorker{{.name = "n1", .address = {"10.0.0.5", 80}}});
  same(RemoveWorker{"n1"});
  wire::ServiceSettings settings;
  settings.rules.response_timeout = 5s;
  settings.rules.retry_methods = wire::MethodSet::parse("GET,POST");
  same(SetRoute{{"h", "/a", "shop", true, settings.rules}});
  settings.sticky = wire::parse_sticky("seat");
  settings.worker_in_flight = 3;
  same(SetSettings{"shop", settings});
  same(RemoveSettings{"shop"});
  same(RemoveWorker{"w1", "6f1c"});
  same(RemoveRoute{"h", "/a"});
  for (const auto* text :
       {"", "[]", "{}", R"({"leave": 1})", R"({"leap": "w1"})", R"({"leave": "a", "drain": "b"})",
        R"({"join": {"name": "w1"}})", R"({"weight": {"name": "w1", "weight": 1001}})",
        R"({"dismiss": "w1"})", R"({"join": null})", R"({"add": null})", R"({"leave": null})",
        R"({"dismiss": {"name": "w1", "incarnation": ""}})"}) {
    INFO(text);
    CHECK(!parse_change(text).ok());
  }
}

TEST_CASE("a command that is in the log twice is applied once") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  cluster.commit_registrations();
  ReplicatedState state(cluster.registry);
  REQUIRE(state.apply(entry(1, {5, 1}, SetDrained{"w1", true}), cluster.time).ok());
  REQUIRE(state.apply(entry(2, {5, 2}, SetDrained{"w1", false}), cluster.time).ok());
  REQUIRE(state.apply(entry(3, {5, 1}, SetDrained{"w1", true}), cluster.time).ok());
  CHECK(cluster.state("w1") == "up");
  CHECK(state.applied() == LogIndex(3));
}

TEST_CASE("a snapshot restores the state, and what was applied before is passed over") {
  RegistryFixture before;
  REQUIRE(before.hear("w1").ok());
  ReplicatedState state(before.registry);
  before.commit_registrations();
  REQUIRE(state.apply(entry(1, {5, 1}, SetDrained{"w1", true}), before.time).ok());
  const core::Snapshot snapshot{LogIndex(1), Term(1), {}, state.to_bytes()};

  RegistryFixture after;
  ReplicatedState restored(after.registry);
  REQUIRE(restored.restore(snapshot, after.time).ok());
  CHECK(restored.applied() == LogIndex(1));
  CHECK(after.registry.state().drained.contains("w1"));
  CHECK(after.registry.state().joined.contains("w1"));
  CHECK(restored.to_bytes() == state.to_bytes());
  REQUIRE(restored.apply(entry(1, {5, 9}, SetDrained{"w1", false}), after.time).ok());
  CHECK(after.registry.state().drained.contains("w1"));
  REQUIRE(restored.apply(entry(2, {5, 1}, SetDrained{"w1", false}), after.time)
              .ok());  // of that life, done
  CHECK(after.registry.state().drained.contains("w1"));
}

TEST_CASE("a command that cannot be understood is not applied, nor is anything after it") {
  RegistryFixture cluster;
  ReplicatedState state(cluster.registry);
  for (const auto* bytes : {R"({"join": null})", R"({"leap": "w1"})", "x"}) {
    INFO(bytes);
    const core::Entry bad{LogIndex(1), Term(1), core::Command{{5, 1}, bytes}};
    CHECK(!state.apply(bad, cluster.time).ok());
    CHECK(!state_check(wire::features::newest).command(bytes).ok());
    CHECK(state.applied() == LogIndex(0));
  }
}

TEST_CASE("what a later version wrote is told from what nobody wrote") {
  CHECK(parse_change(R"({"leap": "w1"})").error().code == ErrorCode::conflict);
  CHECK(parse_change(R"({"join": null})").error().code == ErrorCode::invalid);
  const auto check = state_check(wire::features::newest);
  CHECK(check.snapshot(fmt::format(R"({{"format": {}}})", later)).error().code ==
        ErrorCode::conflict);
  CHECK(check.snapshot(R"({"format": "x"})").error().code == ErrorCode::invalid);
}

TEST_CASE("the feature level rises, is kept in snapshots and decides their format") {
  RegistryFixture cluster({}, wire::features::oldest);
  ReplicatedState state(cluster.registry);
  CHECK(state.to_bytes().starts_with(R"({"format":1,)"));
  REQUIRE(
      state.apply(entry(1, {5, 1}, RaiseFeatureLevel{wire::FeatureLevel(2)}), cluster.time).ok());
  REQUIRE(
      state.apply(entry(2, {5, 2}, RaiseFeatureLevel{wire::FeatureLevel(1)}), cluster.time).ok());
  CHECK(cluster.registry.state().feature_level == wire::FeatureLevel(2));
  CHECK(state.to_bytes().starts_with(R"({"format":2,)"));
  RegistryFixture after;
  ReplicatedState restored(after.registry);
  REQUIRE(restored.restore({LogIndex(2), Term(1), {}, state.to_bytes()}, after.time).ok());
  CHECK(after.registry.state().feature_level == wire::FeatureLevel(2));
}

TEST_CASE("a member held at a feature level takes nothing above it for what it can apply") {
  RegistryFixture cluster({}, wire::features::oldest);
  ReplicatedState state(cluster.registry);
  const auto held = state_check(wire::features::oldest);
  const auto raise = to_json(Change(RaiseFeatureLevel{wire::FeatureLevel(2)}));
  CHECK(held.command(raise).error().code == ErrorCode::conflict);
  CHECK(held.snapshot(state.to_bytes()).ok());
  REQUIRE(
      state.apply(entry(1, {5, 1}, RaiseFeatureLevel{wire::FeatureLevel(2)}), cluster.time).ok());
  CHECK(held.snapshot(state.to_bytes()).error().code == ErrorCode::conflict);
  const auto free = state_check(wire::features::newest);
  CHECK(free.command(raise).ok());
  CHECK(free.command(to_json(Change(RaiseFeatureLevel{later}))).error().code ==
        ErrorCode::conflict);
}

TEST_CASE("a damaged snapshot is refused and changes nothing") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear("w1").ok());
  cluster.commit_registrations();
  ReplicatedState state(cluster.registry);
  const std::string six_megabytes_of_brackets(6'000'000, '[');
  for (const std::string& text : std::vector<std::string>{
           "x", "{}", "[]", R"({"format": 2})", fmt::format(R"({{"format": {}}})", later),
           R"({"format": "x"})", R"({"format": null})", R"({"format": 1, "clients": [1]})",
           R"({"format": 1, "clients": [], "state": {}})",
           R"({"format": 1, "clients": {}, "state": null})",
           R"({"format": 1, "clients": [], "state": {"format": "x"}})",
           six_megabytes_of_brackets}) {
    INFO(text.substr(0, 100));
    CHECK(!state.restore({LogIndex(4), Term(1), {}, text}, cluster.time).ok());
    CHECK(!state_check(wire::features::newest).snapshot(text).ok());
  }
  CHECK(state_check(wire::features::newest).snapshot(state.to_bytes()).ok());
  CHECK(cluster.registry.state().joined.contains("w1"));
  CHECK(state.applied() == LogIndex(0));
}

TEST_CASE("a standby leaves alone whom the primary leaves alone, and no longer than that") {
  RegistryFixture primary;
  RegistryFixture standby;
  for (auto* cluster : {&primary, &standby}) {
    for (const auto* name : {"w1", "w2"}) REQUIRE(cluster->hear(name).ok());
  }
  CHECK(primary.registry.found_out(primary.time).empty());
  auto& counters = *primary.shown("w2")->counters;
  eject(counters, {.first = 3s}, primary.time);
  counters.ejections = 2;
  counters.ejected_after = 5;
  const auto told = primary.registry.found_out(primary.time);
  REQUIRE(told.ejected.size() == 1);
  CHECK(told.ejected[0] == wire::EjectedWorker{"w2", 3s, 2, "ejected after 5 failures in a row"});
  CHECK(told.panicking.empty());
  CHECK(primary.state("w2") == "suspect");
  standby.registry.take_found_out(told, standby.time);
  CHECK(standby.reason("w2") == "ejected after 5 failures in a row");
  CHECK(standby.registry.worker("w2", standby.time)->until_ms == 3'000);
  const auto& taken = *standby.shown("w2")->counters;
  CHECK(taken.ejected_until == (standby.time + 3s).since_boot().count());
  CHECK(taken.ejections == 2);
  CHECK(standby.shown("w1")->counters->ejected_until == 0);
  standby.registry.take_found_out({}, standby.time);
  CHECK(taken.ejected_until == 0);
}

}  // namespace tandem::master::registry_replication_test
