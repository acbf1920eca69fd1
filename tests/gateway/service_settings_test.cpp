// What is said of a service, and of a route to it, as clients and workers see it.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "gateway.hpp"

namespace tandem::test::service_settings_test {

using namespace std::chrono_literals;

namespace {

std::string answer(unsigned status, std::string_view body) {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body);
}

std::string post(std::string_view body) {
  return fmt::format("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}", body.size(),
                     body);
}

Origin::Script silent() {
  return [](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.read_to_end();
  };
}

// Answers when it is told to.
class Held {
 public:
  Origin::Script script() {
    return [this](Origin& self, RawSocket& socket) {
      for (;;) {
        self.receive(socket);
        wait_until([this] { return open_.load(); });
        socket.send(ok("held"));
      }
    };
  }
  void let_go() { open_ = true; }
  ~Held() { let_go(); }

 private:
  std::atomic<bool> open_{false};
};

}  // namespace

TEST_CASE("an answer that the service does not want is replaced by another worker's") {
  Origin failing(always(answer(503, "failing")));
  Origin good(always(ok("good")));
  Gateway gateway({failing.port(), good.port()}, {.breaker = {.failures_in_a_row = 0}});
  gateway.set({"retry_on=502,503", "balance=first_available", "retry_budget=100"});
  wait_until([&] { return gateway.ask(get("/")).body == "good"; });
  const auto before = failing.request_count();
  auto client = gateway.connect();
  for (int i = 0; i < 5; ++i) {
    client.send(get("/"));
    CHECK(read_response(client).body == "good");
  }
  CHECK(failing.request_count() == before + 5);
  CHECK(failing.connection_count() <= 2);  // the connection that it answered on is used again
}

TEST_CASE("a POST gets the answer that its worker gave, wanted or not") {
  Origin failing(always(answer(503, "failing")));
  Origin good(always(ok("good")));
  Gateway gateway({failing.port(), good.port()}, {.breaker = {.failures_in_a_row = 0}});
  gateway.set({"retry_on=503", "balance=first_available"});
  wait_until([&] { return gateway.ask(get("/")).body == "good"; });
  const auto got = gateway.ask(post("once"));
  CHECK(got.status() == 503);
  CHECK(got.body == "failing");
}

TEST_CASE("when no try is left the client gets the last worker's own answer") {
  Origin one(always(answer(503, "one")));
  Origin two(always(answer(503, "two")));
  Gateway gateway({one.port(), two.port()}, {.breaker = {.failures_in_a_row = 0}});
  gateway.set({"retry_on=503", "attempts=2", "balance=first_available", "retry_backoff=0ms"});
  wait_until([&] { return gateway.ask(get("/")).body == "two"; });
}

TEST_CASE("a lone worker that gave an answer that is not wanted is asked again") {
  std::atomic<int> asked{0};
  Origin origin([&](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      socket.send(++asked % 2 == 1 ? answer(502, "not yet") : ok("now"));
    }
  });
  Gateway gateway({origin.port()}, {.breaker = {.failures_in_a_row = 0}});
  gateway.set({"retry_on=502"});
  wait_until([&] { return gateway.ask(get("/")).body == "now"; });
}

TEST_CASE("while all workers fail they see at most 1.2 times the requests, and three a second") {
  Origin one(always(answer(503, "one")));
  Origin two(always(answer(503, "two")));
  Gateway gateway({one.port(), two.port()}, {.breaker = {.failures_in_a_row = 0}});
  gateway.set({"retry_on=503", "retry_backoff=0ms"});
  auto client = gateway.connect();
  const auto began = std::chrono::steady_clock::now();
  constexpr int requests = 500;
  for (int i = 0; i < requests; ++i) {
    client.send(get("/"));
    CHECK(read_response(client).status() == 503);
  }
  const auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const auto seen = one.request_count() + two.request_count();
  CHECK(seen > requests);
  CHECK(static_cast<double>(seen) <= requests * 1.2 + 3 + 3 * seconds);
}

TEST_CASE("a service without a retry budget retries nothing that a worker may have seen") {
  Origin one(always(answer(503, "one")));
  Origin two(always(answer(503, "two")));
  Gateway gateway({one.port(), two.port()}, {.breaker = {.failures_in_a_row = 0}});
  gateway.set({"retry_on=503", "retry_budget=0"});
  wait_until([&] {
    const auto before = one.request_count() + two.request_count();
    gateway.ask(get("/"));
    return one.request_count() + two.request_count() == before + 1;
  });
}

TEST_CASE("with 504 among the statuses a worker that does not answer is passed over in time") {
  Origin stuck(silent());
  Origin good(always(ok("good")));
  Gateway gateway({stuck.port(), good.port()}, {.breaker = {.failures_in_a_row = 0}});
  gateway.set({"retry_on=504", "response_timeout=100ms", "balance=first_available"});
  for (int i = 0; i < 3; ++i) CHECK(gateway.ask(get("/")).body == "good");
  CHECK(gateway.ask(post("once")).status() == 504);
}

TEST_CASE("the time of a whole request bounds all its tries together") {
  Origin one(silent());
  Origin two(silent());
  Origin three(silent());
  Gateway gateway({one.port(), two.port(), three.port()});
  gateway.set({"retry_on=504", "response_timeout=10s", "request_timeout=200ms"});
  wait_until([&] {
    const auto got = gateway.ask(get("/"));
    return got.status() == 504 && got.body.find("whole request") != std::string::npos;
  });
}

TEST_CASE("the time of a whole request cuts an answer that does not come to its end") {
  Origin endless([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (socket.try_send("1\r\nx\r\n")) std::this_thread::sleep_for(10ms);
  });
  Gateway gateway({endless.port()});
  gateway.set({"request_timeout=200ms"});
  auto client = gateway.connect();
  client.send(get("/"));
  const auto all = client.read_to_end();
  CHECK(all.find("1\r\nx\r\n") != std::string::npos);
  CHECK(all.find("\r\n0\r\n") == std::string::npos);
}

TEST_CASE("a client's own deadline shortens the time, and its worker is told what is left of it") {
  Origin stuck(silent());
  Gateway gateway({stuck.port()});
  const auto got = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nTandem-Timeout-Ms: 150\r\n\r\n");
  CHECK(got.status() == 504);
  REQUIRE(stuck.request_count() == 1);
  const auto left = std::stoi(stuck.requests().front().field("Tandem-Timeout-Ms"));
  CHECK(left > 0);
  CHECK(left <= 150 + 64);  // the data plane's clock ticks every 64 ms
}

TEST_CASE("a client that does not wait is no reason to blame the worker") {
  Held held;
  Origin origin(held.script());
  Gateway gateway({origin.port()}, {.breaker = {.failures_in_a_row = 1}});
  gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nTandem-Timeout-Ms: 1\r\n\r\n");
  CHECK(gateway.counters(0).failures == 0);
  CHECK(gateway.counters(0).failures_in_a_row == 0);
  held.let_go();
}

TEST_CASE("a deadline that is no number of milliseconds is refused") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  for (const auto* value : {"0", "-5", "1.5", "soon", "86400001", "86400000", "10 ", ""}) {
    INFO(value);
    const std::string text(value);
    const bool sound = text == "86400000" || text == "10 ";  // white space is not part of a value
    const auto got = gateway.ask(
        fmt::format("GET / HTTP/1.1\r\nHost: a\r\nTandem-Timeout-Ms: {}\r\n\r\n", value));
    CHECK(got.status() == (sound ? 200 : 400));
  }
}

TEST_CASE("two deadlines that differ are refused, twice the same is one") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  const auto ask = [&](int first, int second) {
    const auto got = gateway.ask(
        fmt::format("GET / HTTP/1.1\r\nHost: a\r\nTandem-Timeout-Ms: {}\r\nTandem-Timeout-Ms: "
                    "{}\r\n\r\n",
                    first, second));
    return got.status();
  };
  CHECK(ask(10'000, 20'000) == 400);
  CHECK(ask(20'000, 10'000) == 400);
  CHECK(origin.request_count() == 0);
  CHECK(ask(10'000, 10'000) == 200);
}

TEST_CASE("a limit of requests at one worker makes the next one wait") {
  Held held;
  Origin origin(held.script());
  Gateway gateway({origin.port()}, {.timeouts = {.queue_wait = 10s}});
  gateway.set({"worker_in_flight=1"});
  auto first = gateway.connect();
  first.send(get("/"));
  wait_until([&] { return origin.request_count() == 1; });
  auto second = gateway.connect();
  second.send(get("/"));
  CHECK(second.stays_silent(100));
  CHECK(origin.request_count() == 1);
  held.let_go();
  CHECK(read_response(first).body == "held");
  CHECK(read_response(second).body == "held");
}

TEST_CASE("a limit of the service counts what is in flight at all its workers, from all loops") {
  Held held;
  Origin one(held.script());
  Origin two(held.script());
  Gateway gateway({one.port(), two.port()}, {.threads = 2, .timeouts = {.queue_wait = 10s}});
  gateway.set({"in_flight=1"});
  std::vector<RawSocket> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(gateway.connect());
  clients.front().send(get("/"));
  wait_until([&] { return one.request_count() + two.request_count() == 1; });
  for (std::size_t i = 1; i < clients.size(); ++i) clients[i].send(get("/"));
  CHECK(clients.back().stays_silent(100));
  CHECK(one.request_count() + two.request_count() == 1);
  held.let_go();
  for (auto& client : clients) CHECK(read_response(client).body == "held");
}

TEST_CASE("requests of many loops that share one place all get their turn, and none is forgotten") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.threads = 4, .timeouts = {.queue_wait = 10s}});
  gateway.set({"in_flight=1", "queue_timeout=10s"});
  std::vector<std::thread> clients;
  std::atomic<int> answered{0};
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      auto client = gateway.connect();
      for (int request = 0; request < 500; ++request) {
        client.send(get("/"));
        if (read_response(client).status() == 200) ++answered;
      }
    });
  }
  for (auto& client : clients) client.join();
  CHECK(answered == 8 * 500);
}

TEST_CASE("a service without a queue refuses at once what it has no room for") {
  Held held;
  Origin origin(held.script());
  Gateway gateway({origin.port()}, {.timeouts = {.queue_wait = 10s}});
  gateway.set({"worker_in_flight=1", "queue=0"});
  auto first = gateway.connect();
  first.send(get("/"));
  wait_until([&] { return origin.request_count() == 1; });
  const auto refused = gateway.ask(get("/"));
  CHECK(refused.status() == 503);
  CHECK(refused.field("Retry-After") == "1");
  held.let_go();
}

TEST_CASE("a request waits in the queue for as long as its service says") {
  Held held;
  Origin origin(held.script());
  Gateway gateway({origin.port()}, {.timeouts = {.queue_wait = 10min}});
  gateway.set({"worker_in_flight=1", "queue_timeout=50ms"});
  auto first = gateway.connect();
  first.send(get("/"));
  wait_until([&] { return origin.request_count() == 1; });
  CHECK(gateway.ask(get("/")).status() == 503);
  held.let_go();
}

TEST_CASE("the policy changes while requests are in flight, and counts go on being right") {
  Held held;
  Origin one(held.script());
  Origin two(always(ok("two")));
  Gateway gateway({one.port(), two.port()});
  gateway.set({"balance=first_available"});
  auto first = gateway.connect();
  wait_until([&] {
    first = gateway.connect();
    first.send(get("/"));
    return first.stays_silent(50) && one.request_count() >= 1;
  });
  for (const auto* policy : {"consistent_hash", "least_connections", "round_robin", "p2c"}) {
    gateway.set({fmt::format("balance={}", policy)});
    for (int i = 0; i < 3; ++i) {
      auto client = gateway.connect();
      client.send("GET / HTTP/1.1\r\nHost: a\r\nTandem-Timeout-Ms: 100\r\n\r\n");
      read_response(client);
    }
  }
  held.let_go();
  CHECK(read_response(first).body == "held");
  wait_until(
      [&] { return gateway.counters(0).in_flight == 0 && gateway.counters(1).in_flight == 0; });
  gateway.set({"balance=round_robin"});  // p2c has learned that the first is slow
  wait_until([&] {
    std::set<std::string> answered;
    for (int i = 0; i < 4; ++i) answered.insert(gateway.ask(get("/")).body);
    return answered.size() == 2;
  });
}

TEST_CASE("clients begin to stick when the service is told so, and cease when it is told not to") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  CHECK(gateway.ask(get("/")).count("Set-Cookie") == 0);
  gateway.set({"sticky=seat"});
  wait_until([&] { return gateway.ask(get("/")).field("Set-Cookie").starts_with("seat="); });
  gateway.set({"sticky="});
  wait_until([&] { return gateway.ask(get("/")).count("Set-Cookie") == 0; });
}

TEST_CASE("what a route says goes before what its service says") {
  Origin one(always(answer(503, "one")));
  Origin two(always(ok("two")));
  Gateway gateway({one.port(), two.port()}, {.breaker = {.failures_in_a_row = 0}});
  gateway.set({"balance=first_available", "attempts=1", "retry_on=503", "retry_budget=100"});
  wait_until([&] { return gateway.ask(get("/")).body == "one"; });
  tandem::wire::ServiceSettings of_route;
  REQUIRE(tandem::wire::parse_setting("attempts=2", "route", of_route));
  REQUIRE(tandem::wire::parse_setting("balance=round_robin", "route", of_route));
  gateway.publish_route("/safe", of_route.rules);
  wait_until([&] { return gateway.ask(get("/safe")).body == "two"; });
  for (int i = 0; i < 6; ++i) CHECK(gateway.ask(get("/safe/x")).body == "two");
  CHECK(gateway.ask(get("/other")).body == "one");
}

}  // namespace tandem::test::service_settings_test
