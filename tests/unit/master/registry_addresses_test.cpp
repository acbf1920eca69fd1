// An address belongs to whoever answers there.
#include <catch2/catch.hpp>

#include "tests/unit/master/registry_fixture.hpp"

namespace tandem::master::registry_addresses_test {
namespace {

wire::Heartbeat at(const std::string& name, const std::string& service, const Endpoint& address) {
  auto heartbeat = RegistryFixture::heartbeat_of(name);
  heartbeat.service = service;
  heartbeat.address = address;
  return heartbeat;
}

const Endpoint port{"10.0.0.7", 9001};

JoinedWorker joined(const std::string& service) {
  JoinedWorker worker;
  worker.service = service;
  worker.address = port;
  return worker;
}

}  // namespace

TEST_CASE("a worker that registers at the address of others retires them, of any service") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(at("bank-1", "bank", port)).ok());
  REQUIRE(cluster.hear(at("bank-2", "bank", {"10.0.0.8", 9001})).ok());
  REQUIRE(cluster.hear(at("shop-1", "shop", port)).ok());
  CHECK(cluster.state("bank-1") == "unknown");
  CHECK(cluster.traffic("bank") == "bank-2");
  CHECK(cluster.traffic("shop") == "shop-1");
}

TEST_CASE("a worker that was down for long is no last resort once another has its port") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(at("bank-1", "bank", port)).ok());
  cluster.registry.publish();
  cluster.pass(5s);
  REQUIRE(cluster.last_resort("bank") == "bank-1");
  REQUIRE(cluster.hear(at("shop-1", "shop", port)).ok());
  CHECK(cluster.traffic("bank") == "no such service");
}

TEST_CASE("a worker that has refused is no last resort until it is heard again") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(at("bank-1", "bank", port)).ok());
  const auto worker = cluster.shown("bank-1");
  cluster.fail_at(worker, FailureKind::refused);
  CHECK(cluster.last_resort("bank").empty());
  cluster.pass(5s);
  CHECK(cluster.state("bank-1") == "down");
  CHECK(cluster.last_resort("bank").empty());
  REQUIRE(cluster.hear(at("bank-1", "bank", port)).ok());
  CHECK(cluster.traffic("bank") == "bank-1");
}

TEST_CASE("a backend that has refused is a last resort: whoever answers there is meant") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .address = port}, cluster.time));
  const auto id = cluster.backends.back();
  cluster.registry.probe_result(id, {}, cluster.time);
  REQUIRE(cluster.traffic() == "n1");
  cluster.fail_at(cluster.shown("n1"), FailureKind::refused);
  CHECK(cluster.last_resort() == "n1");
}

TEST_CASE("one address is the same in each way to write it") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(at("a", "a", {"0:0:0:0:0:0:0:1", 9001})).ok());
  REQUIRE(cluster.hear(at("b", "b", {"::1", 9001})).ok());
  CHECK(cluster.state("a") == "unknown");
  REQUIRE(cluster.hear(at("c", "c", {"::ffff:10.0.0.7", 9001})).ok());
  REQUIRE(cluster.hear(at("d", "d", port)).ok());
  CHECK(cluster.state("c") == "unknown");
  CHECK(cluster.state("b") == "up");
}

TEST_CASE("of two that fight for one address the later has it, as long as it is heard") {
  RegistryFixture cluster;
  const auto first = at("w1", "default", port);
  const auto second = at("w2", "default", port);
  REQUIRE(cluster.hear(first).ok());
  REQUIRE(cluster.hear(second).ok());
  const auto refused = cluster.hear(first);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::conflict);
  CHECK(refused.error().field == "address");
  CHECK(refused.error().message.find("w2") != std::string::npos);
  CHECK(cluster.traffic() == "w2");
  cluster.pass(5s);
  REQUIRE(cluster.hear(first).ok());
  CHECK(cluster.traffic() == "w1");
  CHECK(cluster.state("w2") == "unknown");
}

TEST_CASE("who was there before is remembered when its successor restarts") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(at("w1", "default", port)).ok());
  auto second = at("w2", "default", port);
  REQUIRE(cluster.hear(second).ok());
  second.incarnation = "w2-second";
  REQUIRE(cluster.hear(second).ok());
  CHECK_FALSE(cluster.hear(at("w1", "default", port)).ok());
  auto restarted = at("w1", "default", port);
  restarted.incarnation = "w1-second";
  REQUIRE(cluster.hear(restarted).ok());
  CHECK(cluster.traffic() == "w1");
}

TEST_CASE("a backend's address is not taken by a heartbeat") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .address = port}, cluster.time));
  REQUIRE(cluster.add({.name = "n2", .address = {"10.0.0.8", 80}}));
  for (const auto& taken : {port, Endpoint{"10.0.0.8", 80}}) {
    const auto refused = cluster.hear(at("w1", "other", taken));
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::conflict);
    CHECK(refused.error().message.find("the backend n") != std::string::npos);
  }
  CHECK(cluster.state("n1") != "unknown");
  CHECK(cluster.state("n2") != "unknown");
  auto moved = at("w1", "other", {"10.0.0.9", 9001});
  REQUIRE(cluster.hear(moved).ok());
  moved.address = port;
  REQUIRE_FALSE(cluster.hear(moved).ok());
  CHECK(cluster.state("w1") == "up");
}

TEST_CASE("an operator cannot add a backend at the address of a worker that is heard") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(at("w1", "default", port)).ok());
  const auto refused = cluster.add({.name = "n1", .address = port});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::conflict);
  cluster.pass(5s);
  REQUIRE(cluster.add({.name = "n1", .address = port}));
  CHECK(cluster.state("w1") == "unknown");
}

TEST_CASE("backends may share an address: one server for several services") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .service = "a", .address = port},
                                             cluster.time));
  REQUIRE(cluster.registry.configure_backend({.name = "n2", .service = "b", .address = port},
                                             cluster.time));
  CHECK(cluster.state("n1") == "down");
  CHECK(cluster.state("n2") == "down");
}

TEST_CASE("the retired leave the replicated state, and others do not bring them back") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(at("bank-1", "bank", port)).ok());
  REQUIRE(cluster.commit_registrations() == 1);
  REQUIRE(cluster.hear(at("shop-1", "shop", port)).ok());
  REQUIRE(cluster.commit_registrations() == 2);
  CHECK(cluster.registry.state().joined.size() == 1);
  // A primary that has not heard the newcomer yet registers the one before.
  REQUIRE(cluster.registry.apply(Join{"bank-1", joined("bank")}, cluster.time).ok());
  CHECK(cluster.state("bank-1") == "unknown");
  CHECK(cluster.state("shop-1") == "up");
}

TEST_CASE("a master that has heard neither goes by who joined last") {
  RegistryFixture cluster;
  REQUIRE(cluster.registry.apply(Join{"bank-1", joined("bank")}, cluster.time).ok());
  REQUIRE(cluster.registry.apply(Join{"shop-1", joined("shop")}, cluster.time).ok());
  CHECK(cluster.state("bank-1") == "unknown");
  CHECK(cluster.state("shop-1") == "down");
}

namespace {

const Endpoint shop_name{"shop.example", 80};

// A --backend by name; returns what it is probed by.
WorkerId by_name(RegistryFixture& cluster) {
  REQUIRE(cluster.registry.configure_backend({.name = "n1", .address = shop_name}, cluster.time));
  return cluster.backends.back();
}

// What the prober does when it was answered there.
WorkerId answered(RegistryFixture& cluster, WorkerId id, const Endpoint& address) {
  const auto current = cluster.registry.found_at(id, address);
  cluster.registry.probe_result(current, {}, cluster.time);
  return current;
}

}  // namespace

TEST_CASE("a backend whose name cannot be resolved is down with that reason") {
  RegistryFixture cluster;
  const auto id = by_name(cluster);
  CHECK_FALSE(cluster.registry.probe_target(id));
  cluster.registry.take_addresses("n1", invalid("the host cannot be resolved"));
  CHECK(cluster.state("n1") == "down");
  CHECK(cluster.reason("n1") == "the host cannot be resolved");
  CHECK(cluster.registry.worker("n1", cluster.time)->address == "shop.example:80");
  CHECK(cluster.traffic().empty());
  CHECK(cluster.last_resort().empty());
}

TEST_CASE("a backend's addresses are tried in turn, the one that answered last first") {
  RegistryFixture cluster;
  auto id = by_name(cluster);
  const Endpoint one{"10.0.0.1", 80};
  const Endpoint two{"10.0.0.2", 80};
  cluster.registry.take_addresses("n1", std::vector{one, two});
  CHECK(cluster.backends.back() == id);
  CHECK(cluster.registry.probe_target(id)->addresses == std::vector{one, two});
  id = answered(cluster, id, two);
  CHECK(cluster.traffic() == "n1");
  CHECK(cluster.shown("n1")->address == two);
  CHECK(cluster.shown("n1")->id == id);
  CHECK(cluster.registry.probe_target(id)->addresses == std::vector{two, one});
}

TEST_CASE("a backend that has moved is another worker to the loops, and the same to people") {
  RegistryFixture cluster;
  cluster.registry.take_addresses("n1", std::vector{Endpoint{"10.0.0.1", 80}});  // nobody's
  auto id = by_name(cluster);
  cluster.registry.take_addresses("n1", std::vector{Endpoint{"10.0.0.1", 80}});
  id = answered(cluster, id, {"10.0.0.1", 80});
  const auto before = cluster.shown("n1");
  cluster.registry.take_addresses("n1", std::vector{Endpoint{"10.0.0.2", 80}});
  CHECK(cluster.shown("n1") == before);  // until it answers there
  const auto moved = answered(cluster, id, {"10.0.0.2", 80});
  CHECK(moved != id);
  const auto after = cluster.shown("n1");
  CHECK(after->address == Endpoint{"10.0.0.2", 80});
  CHECK(after->id == moved);
  CHECK(after->counters != before->counters);
  CHECK(cluster.state("n1") == "up");
  REQUIRE(cluster.hear(at("w1", "default", {"10.0.0.1", 80})).ok());  // that address is free
  CHECK_FALSE(cluster.hear(at("w2", "default", {"10.0.0.2", 80})).ok());
}

TEST_CASE("a name that can be resolved no more keeps the addresses that it had") {
  RegistryFixture cluster;
  auto id = by_name(cluster);
  cluster.registry.take_addresses("n1", std::vector{Endpoint{"10.0.0.1", 80}});
  id = answered(cluster, id, {"10.0.0.1", 80});
  cluster.registry.take_addresses("n1", invalid("no name server answers"));
  CHECK(cluster.state("n1") == "up");
  CHECK(cluster.registry.probe_target(id)->addresses == std::vector{Endpoint{"10.0.0.1", 80}});
}

}  // namespace tandem::master::registry_addresses_test
