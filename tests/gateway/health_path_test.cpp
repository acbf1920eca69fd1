// --health-path: this master's own health at the client address, for load balancers in front.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "cluster.hpp"
#include "gateway.hpp"

namespace tandem::test::health_path_test {
namespace {

Gateway::Options with_path(master::StandbyTraffic traffic = master::StandbyTraffic::forward) {
  Gateway::Options options;
  options.health_path = "/healthz";
  options.standby_traffic = traffic;
  return options;
}

// Returns once the loops know who leads, as it was said last.
void settle(Gateway& gateway) {
  gateway.publish(std::vector<std::uint16_t>{});
  gateway.settle();
}

int health(const Gateway& gateway) { return gateway.ask(get("/healthz")).status(); }

}  // namespace

TEST_CASE("the health path is answered by the master, and everything else by a worker") {
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()}, with_path());
  const auto answer = gateway.ask(get("/healthz"));
  CHECK(answer.status() == 200);
  CHECK(answer.body == "{\"status\":\"ready\"}\n");
  CHECK(answer.field("Content-Type") == "application/json");
  CHECK(answer.field("Cache-Control") == "no-store");
  CHECK(gateway.ask(get("/healthz?from=balancer")).body == answer.body);
  CHECK(gateway.ask("GET http://any.example/healthz HTTP/1.1\r\nHost: any.example\r\n\r\n").body ==
        answer.body);
  CHECK(worker.request_count() == 0);
  for (const auto* target : {"/", "/healthz/", "/healthzz", "/health", "/x/healthz"}) {
    INFO(target);
    CHECK(gateway.ask(get(target)).body == "worker");
  }
  CHECK(gateway.ask("POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").body ==
        "worker");
}

TEST_CASE("HEAD of the health path has no body, and the connection is used again") {
  Gateway gateway({closed_port()}, with_path());
  auto client = gateway.connect();
  client.send("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(read_response(client, true).status() == 200);
  client.send(get("/healthz") + get("/healthz"));
  CHECK(read_response(client).status() == 200);
  CHECK(read_response(client).status() == 200);
}

TEST_CASE("a request for the health with a body is answered, and its connection closed") {
  Gateway gateway({closed_port()}, with_path());
  auto client = gateway.connect();
  client.send("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  const auto answer = read_response(client);
  CHECK(answer.status() == 200);
  CHECK(answer.field("Connection") == "close");
}

TEST_CASE("without the flag no path is the master's") {
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()});
  CHECK(gateway.ask(get("/healthz")).body == "worker");
}

TEST_CASE("a master without a live worker is able to serve: all masters have the same workers") {
  Gateway gateway({}, with_path());
  CHECK(health(gateway) == 200);
}

TEST_CASE(
    "a standby is able to serve clients while it passes on or redirects, not when it refuses") {
  Origin primary(always(ok("primary")));
  for (const auto& [traffic, status] : {std::pair(master::StandbyTraffic::forward, 200),
                                        std::pair(master::StandbyTraffic::redirect, 200),
                                        std::pair(master::StandbyTraffic::refuse, 503)}) {
    Gateway gateway({}, with_path(traffic));
    gateway.follow("other", primary.port(), "pass");
    settle(gateway);
    CHECK(health(gateway) == status);
  }
  CHECK(primary.request_count() == 0);
}

TEST_CASE("a master that knows no primary is able to serve for as long as requests wait for one") {
  Gateway gateway({}, with_path());
  gateway.know_nobody();
  settle(gateway);
  CHECK(health(gateway) == 200);
  wait_until([&] { return health(gateway) == 503; });
  const auto answer = gateway.ask(get("/healthz"));
  CHECK(code_of(answer) == "unavailable");
  CHECK(answer.field("Retry-After") == "1");
  gateway.lead(3);
  settle(gateway);
  CHECK(health(gateway) == 200);
}

TEST_CASE("rate limits do not count requests for the health path") {
  auto options = with_path();
  options.rate_limit = *master::parse_rate_limit("1:1", "f");
  Gateway gateway({closed_port()}, options);
  for (int i = 0; i < 5; ++i) CHECK(health(gateway) == 200);
}

}  // namespace tandem::test::health_path_test
