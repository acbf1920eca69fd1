// What the greatest and the smallest settings do, and more policies of routes than a service keeps.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <deque>

#include "gateway.hpp"
#include "master/forward/workers/limits.hpp"

namespace tandem::test::setting_limits_test {
namespace {

Origin::Script closes_after_request() {
  return [](Origin& self, RawSocket& socket) { self.receive(socket); };
}

}  // namespace

TEST_CASE("ten attempts are asked of ten workers, and not of an eleventh") {
  Origin good(always(ok("good")));
  Gateway gateway({good.port()}, {.breaker = {.failures_in_a_row = 0}});
  gateway.set({"attempts=10", "retry_budget=100", "balance=round_robin"});
  gateway.settle();
  for (int i = 0; i < 20; ++i) CHECK(gateway.ask(get("/")).status() == 200);  // they pay for it
  std::deque<Origin> failing;
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 12; ++i) ports.push_back(failing.emplace_back(closes_after_request()).port());
  gateway.publish(ports);
  gateway.settle();
  CHECK(gateway.ask(get("/")).status() == 502);
  std::size_t seen = 0;
  for (const auto& origin : failing) {
    CHECK(origin.request_count() <= 1);
    seen += origin.request_count();
  }
  CHECK(seen == 10);
}

TEST_CASE("time-outs of a day let requests through, and a client's own still counts") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) {
      if (self.receive(socket).start_line().starts_with("GET /silent ")) {
        socket.read_to_end();
        return;
      }
      socket.send(ok("x"));
    }
  });
  Gateway gateway({origin.port()});
  gateway.set({"request_timeout=24h", "response_timeout=24h", "idle_timeout=24h",
               "connect_timeout=1m", "queue_timeout=10m"});
  gateway.settle();
  auto client = gateway.connect();
  for (int i = 0; i < 3; ++i) {
    client.send(get("/"));
    CHECK(read_response(client).status() == 200);
  }
  client.send("GET /silent HTTP/1.1\r\nHost: a\r\nTandem-Timeout-Ms: 50\r\n\r\n");
  CHECK(read_response(client).status() == 504);
}

TEST_CASE("the longest queue and the most requests in flight are taken as they are said") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  gateway.set({"queue=65536", "in_flight=1000000", "worker_in_flight=65535"});
  gateway.settle();
  for (int i = 0; i < 10; ++i) CHECK(gateway.ask(get("/")).status() == 200);
}

TEST_CASE("a service in which no request may wait refuses at once what it has no room for") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.read_to_end();
  });
  Gateway gateway({origin.port()});
  gateway.set({"in_flight=1", "queue_timeout=0ms"});
  gateway.settle();
  auto first = gateway.connect();
  first.send(get("/"));
  wait_until([&] { return origin.request_count() == 1; });
  const auto refused = gateway.ask(get("/"));
  CHECK(refused.status() == 503);
  CHECK(refused.count("Retry-After") == 1);
}

TEST_CASE(
    "routes with more policies than a service keeps are served, and keys stay where they were") {
  constexpr auto count = limits::route_policies_max + 4;
  std::deque<Origin> origins;
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 4; ++i) {
    ports.push_back(origins.emplace_back(always(ok(fmt::format("{}", i)))).port());
  }
  Gateway gateway(ports);
  std::map<std::string, wire::RequestRules> rules;
  for (std::size_t i = 0; i < count; ++i) {
    wire::ServiceSettings of_route;
    const auto setting = fmt::format("balance=consistent_hash:header=K{}", i);
    REQUIRE(wire::parse_setting(setting, "route", of_route));
    rules[fmt::format("/{}/", i)] = of_route.rules;
  }
  gateway.publish_routes(rules);
  gateway.settle();
  const auto ask = [&](std::size_t route, int key) {
    const auto answer = gateway.ask(
        fmt::format("GET /{}/ HTTP/1.1\r\nHost: a\r\nK{}: key-{}\r\n\r\n", route, route, key));
    CHECK(answer.status() == 200);
    return answer.body;
  };
  ask(0, 0);
  gateway.finish_tables();
  std::vector<std::string> homes;
  for (int key = 0; key < 8; ++key) homes.push_back(ask(0, key));
  // Each round displaces policies, and makes them again.
  for (int round = 0; round < 3; ++round) {
    for (std::size_t route = 0; route < count; ++route) {
      for (int key = 0; key < 8; ++key) {
        INFO(route << " " << key);
        CHECK(ask(route, key) == homes[static_cast<std::size_t>(key)]);
      }
    }
  }
  for (std::size_t worker = 0; worker < 4; ++worker) {
    wait_until([&] { return gateway.counters(worker).in_flight == 0; });
  }
}

}  // namespace tandem::test::setting_limits_test
