// A second worker is asked when the first takes long; the quicker one answers.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "gateway.hpp"

namespace tandem::test::hedging_test {

using namespace std::chrono_literals;

namespace {

// Keeps every request until the connection is closed.
Origin::Script stalls() {
  return [](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.read_to_end();
  };
}

Origin::Script answers_after(std::chrono::milliseconds delay, std::string body) {
  return [delay, body](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      std::this_thread::sleep_for(delay);
      socket.send(ok(body));
    }
  };
}

constexpr auto put = "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
constexpr auto post = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";

// The first worker, whatever else there is, and a second try after `delay`.
void hedge(Gateway& gateway, std::string_view delay) {
  gateway.set({"balance=first_available", fmt::format("hedge_after={}", delay)});
}

// Requests of that method which the workers have received; a loser may arrive late.
long count(const char* method, const Origin& one, const Origin& other) {
  long sum = 0;
  for (const auto* origin : {&one, &other}) {
    const auto requests = origin->requests();
    sum += std::count_if(requests.begin(), requests.end(),
                         [&](const auto& request) { return request.head.starts_with(method); });
  }
  return sum;
}

bool is_idle(const Gateway& gateway) {
  return gateway.counters(0).in_flight == 0 && gateway.counters(1).in_flight == 0;
}

}  // namespace

TEST_CASE("when the first worker takes long a second one is asked, and answers") {
  Origin stuck(stalls());
  Origin quick(always(ok("quick")));
  Gateway gateway({stuck.port(), quick.port()});
  hedge(gateway, "20ms");
  wait_until([&] { return gateway.ask(get("/")).body == "quick"; });
  for (int i = 0; i < 2; ++i) CHECK(gateway.ask(put).body == "quick");
  CHECK(quick.requests().back().body == "body");
  wait_until([&] { return is_idle(gateway); });
}

TEST_CASE("the one that was too slow is cancelled, and not blamed") {
  Origin stuck(stalls());
  Origin quick(always(ok("quick")));
  Gateway gateway({stuck.port(), quick.port()}, {.breaker = {.failures_in_a_row = 1}});
  hedge(gateway, "10ms");
  wait_until([&] { return gateway.ask(get("/")).body == "quick"; });
  wait_until([&] { return stuck.open_count() == 0; });
  CHECK(gateway.counters(0).failures == 0);
  CHECK_FALSE(gateway.counters(0).suspect);
  CHECK(gateway.counters(0).ejected_until == 0);
  CHECK(gateway.reported_failures() == 0);
}

TEST_CASE("the first worker answers when it is quicker after all") {
  Origin slow(answers_after(100ms, "first"));
  Origin stuck(stalls());
  Gateway gateway({slow.port(), stuck.port()});
  hedge(gateway, "10ms");
  wait_until([&] {
    const auto answer = gateway.ask(get("/"));
    CHECK(answer.body == "first");
    return stuck.request_count() > 0;
  });
  wait_until([&] { return stuck.open_count() == 0 && is_idle(gateway); });
}

TEST_CASE("an answer in time asks nobody else") {
  Origin one(always(ok("one")));
  Origin two(always(ok("two")));
  Gateway gateway({one.port(), two.port()});
  hedge(gateway, "10s");
  auto client = gateway.connect();
  for (int i = 0; i < 20; ++i) {
    client.send(get("/"));
    CHECK(read_response(client).status() == 200);
  }
  CHECK(one.request_count() + two.request_count() == 20);
}

TEST_CASE("a POST is never sent to two workers") {
  Origin slow(answers_after(100ms, "slow"));
  Origin quick(always(ok("quick")));
  Gateway gateway({slow.port(), quick.port()});
  hedge(gateway, "1ms");
  wait_until([&] { return gateway.ask(get("/")).body == "quick"; });
  CHECK(gateway.ask(post).body == "slow");
  CHECK(count("POST", slow, quick) == 1);
}

TEST_CASE("a POST that the service vouches for is hedged, and a GET that it does not name is not") {
  Origin slow(answers_after(100ms, "slow"));
  Origin quick(always(ok("quick")));
  Gateway gateway({slow.port(), quick.port()});
  gateway.set({"balance=first_available", "hedge_after=1ms", "retry_methods=POST"});
  wait_until([&] { return gateway.ask(post).body == "quick"; });
  gateway.set({"balance=first_available", "hedge_after=1ms", "retry_methods=PUT"});
  gateway.settle();
  for (int i = 0; i < 3; ++i) CHECK(gateway.ask(get("/")).body == "slow");
  CHECK(count("GET", slow, quick) == 3);
}

TEST_CASE(
    "second tries are paid for: a service that is slow as a whole is not asked twice as much") {
  Origin one(answers_after(20ms, "one"));
  Origin two(answers_after(20ms, "two"));
  Gateway gateway({one.port(), two.port()});
  hedge(gateway, "1ms");
  auto client = gateway.connect();
  const auto began = std::chrono::steady_clock::now();
  constexpr int requests = 100;
  for (int i = 0; i < requests; ++i) {
    client.send(get("/"));
    CHECK(read_response(client).status() == 200);
  }
  const auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const auto seen = one.request_count() + two.request_count();
  CHECK(seen > requests);
  CHECK(static_cast<double>(seen) <= requests * 1.2 + 3 + 3 * seconds);
}

TEST_CASE("a service that allows one attempt is never asked twice, however long it takes") {
  Origin slow(answers_after(100ms, "slow"));
  Origin quick(always(ok("quick")));
  Gateway gateway({slow.port(), quick.port()});
  gateway.set({"balance=first_available", "hedge_after=1ms", "attempts=1"});
  wait_until([&] { return gateway.ask(get("/")).body == "slow"; });
  const auto before = slow.request_count() + quick.request_count();
  CHECK(gateway.ask(get("/")).body == "slow");
  CHECK(slow.request_count() + quick.request_count() == before + 1);
}

TEST_CASE("when the first fails while the second is asked the second answers") {
  Origin dying([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    std::this_thread::sleep_for(50ms);
  });
  Origin slow(answers_after(150ms, "second"));
  Gateway gateway({dying.port(), slow.port()}, {.forgives = true});
  hedge(gateway, "5ms");
  wait_until([&] {
    CHECK(gateway.ask(get("/")).body == "second");
    return dying.request_count() > 0;
  });
}

TEST_CASE("when both fail a third worker answers") {
  const auto dies = [](Origin& self, RawSocket& socket) {
    self.receive(socket);
    std::this_thread::sleep_for(30ms);
  };
  Origin one(dies);
  Origin two(dies);
  Origin three(always(ok("third")));
  Gateway gateway({one.port(), two.port(), three.port()}, {.forgives = true});
  hedge(gateway, "5ms");
  wait_until([&] {
    CHECK(gateway.ask(get("/")).body == "third");
    return one.request_count() > 0 && two.request_count() > 0;
  });
}

TEST_CASE("a client that goes away ends both tries") {
  Origin one(stalls());
  Origin two(stalls());
  Gateway gateway({one.port(), two.port()});
  hedge(gateway, "5ms");
  wait_until([&] {
    auto client = gateway.connect();
    client.send(get("/"));
    client.stays_silent(50);
    client.reset();
    return one.request_count() > 0 && two.request_count() > 0;
  });
  wait_until([&] { return is_idle(gateway); });
}

TEST_CASE("once it is known what most requests take a request that takes longer is hedged") {
  std::atomic<bool> stalled{false};
  Origin sometimes([&](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      if (stalled) return void(socket.read_to_end());
      socket.send(ok("first"));
    }
  });
  Origin quick(always(ok("quick")));
  Gateway gateway({sometimes.port(), quick.port()});
  hedge(gateway, "p95");
  auto client = gateway.connect();
  for (int i = 0; i < 300; ++i) {
    client.send(get("/"));
    CHECK(read_response(client).status() == 200);
  }
  stalled = true;
  CHECK(gateway.ask(get("/")).body == "quick");
}

TEST_CASE("a request at a worker that is found to be down is sent elsewhere if it may be") {
  Origin frozen(stalls());
  Origin good(always(ok("good")));
  Gateway gateway({frozen.port(), good.port()});
  gateway.set({"balance=first_available"});
  auto reader = gateway.connect();
  auto writer = gateway.connect();
  wait_until([&] {
    reader = gateway.connect();
    reader.send(get("/"));
    return reader.stays_silent(50) && frozen.request_count() > 0;
  });
  writer.send(post);
  wait_until([&] { return frozen.requests().back().start_line().starts_with("POST"); });
  gateway.take_down(0);
  CHECK(read_response(reader).body == "good");
  CHECK(writer.stays_silent(100));
  CHECK(good.requests().back().start_line().starts_with("GET"));
}

}  // namespace tandem::test::hedging_test
