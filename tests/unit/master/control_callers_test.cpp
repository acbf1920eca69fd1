// Who may speak to a control address, and where workers may be.
#include <catch2/catch.hpp>

#include "common/http/direct_caller.hpp"
#include "master/control/own_addresses.hpp"
#include "tests/unit/master/control_fixture.hpp"

namespace tandem::master::control_callers_test {
namespace {

bool is_direct(std::string_view host, std::string_view own_name = "127.0.0.1") {
  ControlRequest request;
  request.host = host;
  return !refuse_indirect(request, own_name);
}

std::string worker_at(const std::string& name, const std::string& address) {
  return fmt::format(R"({{"name": "{}", "address": "{}"}})", name, address);
}

bool is_in(std::string_view part, const std::string& text) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("without a token a request names this machine, whatever the port") {
  for (const auto* host : {"127.0.0.1", "127.0.0.1:7070", "127.8.9.10:1", "[::1]", "[::1]:7070",
                           "localhost", "LOCALHOST:8080", ""}) {
    INFO(host);
    CHECK(is_direct(host));
  }
  for (const auto* host :
       {"evil.example", "evil.example:7070", "127.0.0.1.evil.example", "localhost.evil.example",
        "10.0.0.1:7070", "[fd00::1]:7070", "0.0.0.0:7070", "127.evil.example", "[::1", ":7070"}) {
    INFO(host);
    CHECK(!is_direct(host));
  }
  CHECK(is_direct("tandem.test:7070", "Tandem.test"));
}

TEST_CASE("what a page can make a browser ask of a loopback address is refused, GET too") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  const std::map<std::string, std::string> rebound{{"Host", "evil.example:7070"}};
  for (const auto* path : {"/status", "/v1/workers", "/ready"}) {
    INFO(path);
    const auto answer = client.get(path, rebound);
    CHECK(answer.status == 403);
    CHECK(is_in("evil.example", answer.body));
    CHECK(client.get(path).status == 200);
  }
  CHECK(client.post("/v1/workers", worker_at("w1", "127.0.0.1:9"), rebound).status == 403);
  CHECK(client.post("/heartbeat", heartbeat_json("w1"), rebound).status == 403);
}

TEST_CASE("without a token a request that a proxy has passed on is refused") {
  ControlFixture cluster;
  ControlClient client(cluster.plane.address());
  for (const auto& [name, value] : {std::pair("Via", "1.1 proxy"), std::pair("Forwarded", "for=x"),
                                    std::pair("X-Forwarded-For", "198.51.100.1")}) {
    INFO(name);
    CHECK(client.get("/status", {{name, value}}).status == 403);
  }
}

TEST_CASE("a worker cannot be where a master is served") {
  ControlPlaneOptions options;
  options.listen = Endpoint{"0.0.0.0", 18080};
  ControlFixture cluster(options);
  ControlClient client(cluster.plane.address());
  const auto control = cluster.plane.address();
  for (const auto& address : {control.to_string(), std::string("127.0.0.1:18080"),
                              std::string("127.0.0.99:18080"), std::string("[::1]:18080")}) {
    INFO(address);
    const auto answer = client.post("/v1/workers", worker_at("w1", address));
    CHECK(answer.status == 409);
    CHECK(is_in("no worker can have it", answer.body));
  }
  CHECK(client.post("/heartbeat", heartbeat_json("w1", control.port)).status == 409);
  CHECK(client.post("/heartbeat", heartbeat_json("w1", 18080)).status == 409);
  CHECK(client.post("/heartbeat", heartbeat_json("w1", 18081)).status == 200);
  CHECK(client.post("/v1/workers", worker_at("w2", "198.51.100.7:18080")).status == 201);
}

TEST_CASE("a --backend cannot be where a master is served") {
  for (const auto& address : {Endpoint{"127.0.0.1", 17070}, Endpoint{"127.0.0.1", 17071}}) {
    ControlPlaneOptions options;
    options.node = "a";
    options.control = {"127.0.0.1", 17070};
    options.listen = Endpoint{"127.0.0.1", 17071};
    options.backends.push_back({.name = "n", .address = address});
    UnwatchedPlane unwatched(options);
    const auto started = unwatched.plane.start();
    REQUIRE(!started.ok());
    CHECK(started.error().code == ErrorCode::invalid);
    CHECK(is_in("--backend", started.error().message));
  }
}

TEST_CASE("an address that was bound for all is met at each of its machine, and nowhere else") {
  OwnAddresses own({});
  own.set({{"the client address of b", {"198.51.100.1", 80}, true},
           {"the control address of b", {"198.51.100.1", 7070}, false},
           {"the client address of a", {"127.0.0.2", 80}, true}});
  CHECK(!own.check({"198.51.100.1", 80}).ok());
  CHECK(!own.check({"::ffff:198.51.100.1", 7070}).ok());
  CHECK(own.check({"198.51.100.2", 80}).ok());
  CHECK(!own.check({"127.0.0.1", 80}).ok());  // of this machine, as the third is
  CHECK(own.check({"127.0.0.1", 7070}).ok());
}

TEST_CASE("workers that register are in the networks that are allowed") {
  ControlPlaneOptions options;
  options.worker_networks = {*parse_address_range("127.0.0.0/16", "--worker-network"),
                             *parse_address_range("10.0.0.0/8", "--worker-network")};
  ControlFixture cluster(options);
  ControlClient client(cluster.plane.address());
  CHECK(client.post("/heartbeat", heartbeat_json("w1")).status == 200);
  CHECK(client.post("/v1/workers", worker_at("w2", "10.1.2.3:80")).status == 201);
  for (const auto* address : {"127.1.0.1:80", "198.51.100.1:80", "[::1]:80"}) {
    INFO(address);
    const auto answer = client.post("/v1/workers", worker_at("w3", address));
    CHECK(answer.status == 400);
    CHECK(is_in("--worker-network", answer.body));
  }
}

}  // namespace tandem::master::control_callers_test
