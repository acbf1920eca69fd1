// What workers speak: as they say it, as their service says it, and in clusters of two versions.
#include <catch2/catch.hpp>

#include "master/registry/state_digest.hpp"
#include "registry_fixture.hpp"

namespace tandem::master::registry_protocol_test {

using wire::WorkerProtocol;

namespace {

wire::Heartbeat speaking(const std::string& name, std::optional<WorkerProtocol> protocol) {
  auto heartbeat = RegistryFixture::heartbeat_of(name);
  heartbeat.protocol = protocol;
  return heartbeat;
}

wire::ServiceSettings said(const std::string& text) {
  wire::ServiceSettings settings;
  REQUIRE(wire::parse_setting(text, "--service", settings));
  return settings;
}

std::string protocol_of(RegistryFixture& cluster, const std::string& name) {
  return cluster.registry.worker(name, cluster.time)->protocol;
}

const Join& join_of(const Change& change) { return std::get<Join>(change); }

}  // namespace

TEST_CASE("what a worker speaks is what it says, else what its service says") {
  RegistryFixture cluster;
  REQUIRE(cluster.hear(speaking("w1", WorkerProtocol::http2)).ok());
  REQUIRE(cluster.hear(speaking("w2", std::nullopt)).ok());
  CHECK(cluster.shown("w1")->protocol == WorkerProtocol::http2);
  CHECK_FALSE(cluster.shown("w2")->protocol);
  CHECK(protocol_of(cluster, "w1") == "http2");
  CHECK(protocol_of(cluster, "w2") == "http1");
  REQUIRE(cluster.commit(cluster.registry.set_settings("default", said("protocol=http2"))).ok());
  CHECK(protocol_of(cluster, "w2") == "http2");
  REQUIRE(cluster.hear(speaking("w1", WorkerProtocol::http1)).ok());
  CHECK(cluster.shown("w1")->protocol == WorkerProtocol::http1);
  CHECK(protocol_of(cluster, "w1") == "http1");
}

TEST_CASE("what a worker speaks is replicated, and again when it changes") {
  RegistryFixture cluster;
  RegistryFixture other;
  REQUIRE(cluster.hear(speaking("w1", WorkerProtocol::http2)).ok());
  const auto changes = cluster.registry.unregistered(cluster.time, 10);
  REQUIRE(changes.size() == 1);
  CHECK(level_needed(changes[0]) == wire::features::worker_protocols);
  const auto read = parse_change(to_json(changes[0]));
  REQUIRE(read.ok());
  CHECK(join_of(*read).worker == join_of(changes[0]).worker);
  REQUIRE(cluster.registry.apply(*read, cluster.time).ok());
  REQUIRE(other.registry.apply(*read, other.time).ok());
  CHECK(protocol_of(other, "w1") == "http2");
  CHECK(cluster.commit_registrations() == 0);
  REQUIRE(cluster.hear(speaking("w1", std::nullopt)).ok());
  CHECK(cluster.commit_registrations() == 1);
  CHECK(cluster.commit_registrations() == 0);
}

TEST_CASE("an older member in the cluster is told nothing of protocols, and the worker serves") {
  RegistryFixture cluster({}, wire::features::agreed_state);
  REQUIRE(cluster.hear(speaking("w1", WorkerProtocol::http2)).ok());
  const auto changes = cluster.registry.unregistered(cluster.time, 10);
  REQUIRE(changes.size() == 1);
  CHECK(to_json(changes[0]).find("protocol") == std::string::npos);
  CHECK(level_needed(changes[0]) == wire::features::agreed_state);
  REQUIRE(cluster.registry.apply(changes[0], cluster.time).ok());
  CHECK(cluster.commit_registrations() == 0);  // there is nothing more to be told
  CHECK(cluster.shown("w1")->protocol == WorkerProtocol::http2);
  // Once all members know of them it is said.
  REQUIRE(cluster.registry.apply(RaiseFeatureLevel{wire::features::worker_protocols}, cluster.time)
              .ok());
  CHECK(cluster.commit_registrations() == 1);
  CHECK(cluster.registry.state().joined.at("w1").protocol == WorkerProtocol::http2);
}

TEST_CASE("settings that speak of protocols or of gRPC wait for members that know them") {
  for (const auto* text :
       {"protocol=http2", "check=grpc", "retry_on=grpc:unavailable", "retry_methods=/a.B/C"}) {
    INFO(text);
    CHECK(level_needed(SetSettings{"shop", said(text)}) == wire::features::worker_protocols);
  }
  for (const auto* text : {"attempts=2", "retry_on=502", "retry_methods=POST"}) {
    INFO(text);
    CHECK(level_needed(SetSettings{"shop", said(text)}) == wire::features::oldest);
  }
  wire::Route route;
  route.rules = said("retry_methods=/a.B/C").rules;
  CHECK(level_needed(SetRoute{route}) == wire::features::worker_protocols);
}

TEST_CASE("settings that speak of TLS to workers wait for members that know them") {
  for (const auto* text : {"upstream_tls=true", "upstream_ca=/a.pem", "upstream_name=a.example",
                           "upstream_cert=/a.pem,/a.key", "proxy_protocol=v2"}) {
    INFO(text);
    CHECK(level_needed(SetSettings{"shop", said(text)}) == wire::features::edge_settings);
  }
}

TEST_CASE("settings that speak of clients' certificates wait for members that know them") {
  CHECK(level_needed(SetSettings{"shop", said("client_certificate=any")}) ==
        wire::features::edge_settings);
  wire::Route route;
  route.rules = said("client_certificate=any").rules;
  CHECK(level_needed(SetRoute{route}) == wire::features::edge_settings);
}

TEST_CASE("a state without protocols has the digest that older versions give it") {
  JoinedWorker worker{.service = "default", .address = {"127.0.0.1", 9001}};
  RecordHash older("joined");
  older.text("w1").text("default").text("").text("127.0.0.1").number(9001);
  older.number(100).number(64).number(0).number(0);
  CHECK(hash_of("w1", worker) == older.value());
  worker.protocol = WorkerProtocol::http1;
  CHECK(hash_of("w1", worker) != older.value());
}

TEST_CASE("workers are probed in what they speak, and services by gRPC where they say so") {
  RegistryFixture cluster;
  REQUIRE(cluster.add({.name = "b1", .address = {"127.0.0.1", 9100}}).ok());
  const auto probe = [&] { return *cluster.registry.probe_target(cluster.backends.back()); };
  CHECK(probe().protocol == WorkerProtocol::http1);
  CHECK_FALSE(probe().check.kind.is_grpc);
  REQUIRE(cluster.commit(cluster.registry.set_settings("default", said("check=grpc:shop.Orders")))
              .ok());
  CHECK(probe().protocol == WorkerProtocol::http2);
  CHECK(probe().check.kind.service == "shop.Orders");
  CHECK(cluster.registry.checks("default") == "check=grpc:shop.Orders");
  cluster.registry.probe_result(cluster.backends.back(),
                                ProbeFailure(FailureKind::unhealthy, "no such luck"), cluster.time);
  CHECK(cluster.reason("b1") == "health check failed: no such luck");
}

TEST_CASE(
    "a worker of HTTP/2 is never told whose connection it gets, and whoever asks is told so") {
  RegistryFixture cluster;
  const auto refusal = [&](const wire::ServiceSettings& settings) {
    const auto change = cluster.registry.set_settings("default", settings);
    return change.ok() ? std::string() : change.error().message;
  };
  auto both = said("proxy_protocol=v2");
  both.protocol = WorkerProtocol::http2;
  CHECK(refusal(both).find("proxy_protocol=v2 is for workers that speak HTTP/1") == 0);
  CHECK(refusal(said("proxy_protocol=v2")).empty());
  REQUIRE(cluster.hear(speaking("w1", WorkerProtocol::http2)).ok());
  CHECK(refusal(said("proxy_protocol=v2")) ==
        "proxy_protocol=v2 is for workers that speak HTTP/1, and w1 of default speaks HTTP/2");
  CHECK(refusal(said("proxy_protocol=off")).empty());
  REQUIRE(cluster.hear(speaking("w1", WorkerProtocol::http1)).ok());
  REQUIRE(cluster.commit(cluster.registry.set_settings("default", said("proxy_protocol=v2"))).ok());
  const auto heard = cluster.hear(speaking("w2", WorkerProtocol::http2));
  REQUIRE_FALSE(heard.ok());
  CHECK(heard.error().message.find("w2 speaks HTTP/2, and the settings of default say") == 0);
  CHECK(cluster.hear(speaking("w3", std::nullopt)).ok());
}

TEST_CASE("checks of a worker that is told whose connection it gets say that it is ours") {
  RegistryFixture cluster;
  REQUIRE(cluster.add({.name = "b1", .address = {"127.0.0.1", 9100}}).ok());
  const auto is_announced = [&] {
    return cluster.registry.probe_target(cluster.backends.back())->announced;
  };
  CHECK_FALSE(is_announced());
  REQUIRE(cluster.commit(cluster.registry.set_settings("default", said("proxy_protocol=v2"))).ok());
  CHECK(is_announced());
  CHECK(cluster.registry.checks("default") == "proxy_protocol=v2");
}

}  // namespace tandem::master::registry_protocol_test
