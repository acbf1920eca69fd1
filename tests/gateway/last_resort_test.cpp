// Workers of last resort, and load from elsewhere: what loops do with what the registry tells them.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "cluster.hpp"

namespace tandem::test::last_resort_test {

using namespace std::chrono_literals;

namespace {

// How often each answered, of so many requests.
std::map<std::string, int> spread(Gateway& gateway, int requests) {
  std::map<std::string, int> bodies;
  for (int i = 0; i < requests; ++i) ++bodies[gateway.ask(get("/")).body];
  return bodies;
}

}  // namespace

TEST_CASE("a worker of last resort gets nothing while a good one is left, though it is full") {
  Origin good([](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      socket.send(ok("good"));
    }
  });
  Origin bad(always(ok("bad")));
  Gateway gateway({good.port(), bad.port()}, {.connections = 1});
  gateway.set_last_resort({1});
  wait_until([&] { return spread(gateway, 10)["bad"] == 0; });
  std::vector<RawSocket> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(gateway.connect());
    clients.back().send(get("/"));
  }
  for (auto& client : clients) CHECK(read_response(client).body == "good");
}

TEST_CASE("workers of last resort are asked when nobody else is left, and serve once they answer") {
  Origin one(always(ok("one")));
  Origin two(always(ok("two")));
  Gateway gateway({one.port(), two.port()});
  gateway.set_last_resort({0, 1});
  wait_until([&] {
    gateway.ask(get("/"));
    return gateway.counters(0).vouched && gateway.counters(1).vouched;
  });
  const auto bodies = spread(gateway, 50);
  CHECK(bodies.size() <= 2);
  for (const auto& [body, count] : bodies) CHECK((body == "one" || body == "two"));
}

TEST_CASE("requests wait for what comes of the trial of a worker of last resort") {
  const auto failed = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
  for (const bool passes : {true, false}) {
    INFO(passes);
    std::atomic<bool> answers{false};
    Origin origin([&](Origin& self, RawSocket& socket) {
      for (;;) {
        self.receive(socket);
        wait_until([&] { return answers.load(); });
        socket.send(passes ? ok("well") : failed);
      }
    });
    Gateway gateway(
        {origin.port()},
        {.threads = 4, .breaker = {.open_first = 1h}, .timeouts = {.queue_wait = 10min}});
    gateway.set_last_resort({0});
    auto first = gateway.connect();
    first.send(get("/"));
    wait_until([&] { return origin.request_count() == 1; });
    std::vector<RawSocket> others;
    for (int i = 0; i < 16; ++i) {
      others.push_back(gateway.connect());
      others.back().send(get("/"));
    }
    wait_until([&] { return gateway.waiting() == others.size(); });
    CHECK(origin.request_count() == 1);
    answers = true;
    CHECK(read_response(first).status() == (passes ? 200 : 500));
    for (auto& other : others) CHECK(read_response(other).status() == (passes ? 200 : 503));
  }
}

TEST_CASE(
    "a frozen worker of last resort holds one request, and the others wait no longer than "
    "for room") {
  Origin stuck(frozen());
  Gateway gateway({stuck.port()}, {.timeouts = {.queue_wait = 20ms}});
  gateway.set_last_resort({0});
  auto victim = gateway.connect();
  victim.send(get("/"));
  wait_until([&] { return stuck.request_count() == 1; });
  for (int i = 0; i < 20; ++i) {
    const auto answer = gateway.ask(get("/"));
    CHECK(answer.status() == 503);
    CHECK(code_of(answer) == "no_worker");
  }
  CHECK(stuck.request_count() == 1);
}

TEST_CASE("a worker of last resort that fails its trial is left alone again") {
  Origin failing(always("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"));
  Gateway gateway({failing.port()}, {.breaker = {.open_first = 1h}});
  gateway.set_last_resort({0});
  wait_until([&] { return gateway.ask(get("/")).status() == 500; });
  const auto before = failing.request_count();
  for (int i = 0; i < 10; ++i) CHECK(gateway.ask(get("/")).status() == 503);
  CHECK(failing.request_count() == before);
}

TEST_CASE(
    "a worker of last resort that answered, and then fails again and again, is trusted no more") {
  std::atomic<bool> well{true};
  Origin patient([&](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      socket.send(well ? ok("well")
                       : "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
    }
  });
  Gateway gateway({patient.port()}, {.breaker = {.open_first = 1h}});
  gateway.set_last_resort({0});
  wait_until([&] {
    gateway.ask(get("/"));
    return gateway.counters(0).vouched.load();
  });
  well = false;
  for (int i = 0; i < 5; ++i) CHECK(gateway.ask(get("/")).status() == 500);
  CHECK(gateway.ask(get("/")).status() == 503);
}

TEST_CASE("a worker that says it is busy with others' requests gets fewer") {
  for (const auto* policy : {"p2c", "least_connections"}) {
    INFO(policy);
    Origin busy(always(ok("busy")));
    Origin idle(always(ok("idle")));
    Gateway gateway({busy.port(), idle.port()});
    gateway.set({fmt::format("balance={}", policy)});
    // A slow answer of a busy machine counts too, for a while.
    const auto share_alike = [&] { return spread(gateway, 60)["busy"] > 15; };
    wait_until(share_alike);
    gateway.report_elsewhere(0, 20);
    wait_until([&] { return spread(gateway, 60)["busy"] <= 3; });
    gateway.report_elsewhere(0, 0);
    wait_until(share_alike);
  }
}

}  // namespace tandem::test::last_resort_test
