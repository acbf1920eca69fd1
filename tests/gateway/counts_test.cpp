// What the loops count of retries, hedges and queues, by their reasons.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <atomic>
#include <chrono>

#include "cluster.hpp"
#include "gateway.hpp"
#include "h2_client.hpp"
#include "master/metrics/traffic.hpp"

namespace tandem::test::counts_test {

using namespace tandem::master::metrics;
using namespace std::chrono_literals;

namespace {

ServiceTraffic counted(Gateway& gateway) { return gateway.plane().traffic().services["default"]; }

std::uint64_t retries(Gateway& gateway, RetryReason reason) {
  return counted(gateway).retries[index_of(reason)];
}

std::uint64_t ended(Gateway& gateway, QueueEnd end) {
  return counted(gateway).queue_ended[index_of(end)];
}

// Keeps every request until the connection is closed.
Origin::Script stalls() {
  return [](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.read_to_end();
  };
}

// Answers when it may.
Origin::Script answers_when(std::atomic<bool>& go) {
  return [&go](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      wait_until([&] { return go.load(); });
      socket.send(ok("here"));
    }
  };
}

constexpr std::string_view failure = "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n";

}  // namespace

TEST_CASE("a retry is counted by how the attempt before it ended") {
  Origin bad(always(std::string(failure)));
  Origin good(always(ok("good")));
  Gateway gateway({bad.port(), good.port()});
  gateway.set({"balance=first_available", "retry_on=503", "retry_backoff=0s"});
  gateway.settle();
  CHECK(gateway.ask(get("/")).status() == 200);
  wait_until([&] { return retries(gateway, RetryReason::status) == 1; });
  CHECK(retries(gateway, RetryReason::connect) == 0);
  CHECK(counted(gateway).retries_denied == 0);

  gateway.publish({closed_port(), good.port()});
  gateway.settle();
  CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(retries(gateway, RetryReason::connect) == 1);
  CHECK(retries(gateway, RetryReason::status) == 1);
}

TEST_CASE("a retry that the budget does not pay for is counted, and what is left is told") {
  Origin bad(always(std::string(failure)));
  Origin other(always(std::string(failure)));
  Gateway gateway({bad.port(), other.port()}, {.breaker = {.failures_in_a_row = 0}});
  gateway.set({"retry_on=503", "retry_backoff=0s"});
  gateway.settle();
  CHECK(gateway.ask(get("/")).status() == 503);
  wait_until([&] { return counted(gateway).budget_left > 0; });
  gateway.set({"retry_on=503", "retry_budget=0", "retry_backoff=0s"});
  gateway.settle();
  const auto before = counted(gateway).retries_denied;
  CHECK(gateway.ask(get("/")).status() == 503);
  CHECK(counted(gateway).retries_denied == before + 1);
  wait_until([&] { return counted(gateway).budget_left == 0; });
}

TEST_CASE("a hedge is counted by its rule, and when it won") {
  Origin stuck(stalls());
  Origin quick(always(ok("quick")));
  Gateway gateway({stuck.port(), quick.port()});
  gateway.set({"balance=first_available", "hedge_after=10ms"});
  gateway.settle();
  CHECK(gateway.ask(get("/")).body == "quick");
  CHECK(counted(gateway).hedges[index_of(HedgeReason::after)] == 1);
  CHECK(counted(gateway).hedges[index_of(HedgeReason::p95)] == 0);
  CHECK(counted(gateway).hedges_won == 1);
}

TEST_CASE("requests in the queue are counted while they wait, and by how that ended") {
  std::atomic<bool> go{false};
  Origin origin(answers_when(go));
  Gateway gateway({origin.port()}, {.timeouts = {.queue_wait = 10s}});
  gateway.set({"in_flight=1", "queue=2"});
  auto first = gateway.connect();
  first.send(get("/"));
  wait_until([&] { return origin.request_count() == 1; });
  auto second = gateway.connect();
  second.send(get("/"));
  wait_until([&] { return counted(gateway).waiting == 1; });
  auto gone = gateway.connect();
  gone.send(get("/"));
  wait_until([&] { return counted(gateway).waiting == 2; });
  CHECK(gateway.ask(get("/")).status() == 503);
  CHECK(ended(gateway, QueueEnd::refused) == 1);
  gone.reset();
  wait_until([&] { return ended(gateway, QueueEnd::gone) == 1; });
  go = true;
  CHECK(read_response(first).body == "here");
  CHECK(read_response(second).body == "here");
  CHECK(ended(gateway, QueueEnd::served) == 1);
  CHECK(counted(gateway).waiting == 0);
  std::uint64_t observed = 0;
  for (const auto count : counted(gateway).queued.buckets) observed += count;
  CHECK(observed == 2);
}

TEST_CASE("a request that found no room in time has timed out in the queue") {
  Origin stuck(stalls());
  Gateway gateway({stuck.port()}, {.timeouts = {.queue_wait = 20ms}});
  gateway.set({"in_flight=1"});
  auto first = gateway.connect();
  first.send(get("/"));
  wait_until([&] { return stuck.request_count() == 1; });
  CHECK(gateway.ask(get("/")).status() == 503);
  CHECK(ended(gateway, QueueEnd::timed_out) == 1);
}

TEST_CASE("a circuit breaker that opens is counted once") {
  Origin bad(always("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"));
  Origin good(always(ok("good")));
  Gateway gateway({bad.port(), good.port()}, {.breaker = {.failures_in_a_row = 2}});
  gateway.set({"balance=first_available"});
  gateway.settle();
  for (int number = 0; number < 4; ++number) gateway.ask(get("/"));
  CHECK(counted(gateway).ejections == 1);
}

TEST_CASE("requests that wait until somebody leads are counted meanwhile") {
  Origin origin(always(ok("here")));
  Gateway gateway({origin.port()});
  gateway.know_nobody();
  auto client = gateway.connect();
  client.send(get("/"));
  const auto awaiting = [&] { return gateway.plane().traffic().loops.front().awaiting_primary; };
  wait_until([&] { return awaiting() == 1; });
  gateway.lead(3);
  CHECK(read_response(client).body == "here");
  CHECK(awaiting() == 0);
}

TEST_CASE("answers of a worker are counted by protocol and status, and known while it is down") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) {
      const bool is_bad = self.receive(socket).start_line().find("/bad") != std::string::npos;
      socket.send(is_bad ? std::string(failure) : ok("good"));
    }
  });
  Origin other(always(ok("other")));
  Gateway gateway({origin.port(), other.port()}, {.threads = 2});
  gateway.set({"balance=first_available"});
  gateway.settle();
  const auto answers = [&](std::size_t worker) { return gateway.counters(worker).answers.sums(); };
  CHECK(gateway.ask(get("/good")).status() == 200);
  CHECK(gateway.ask(get("/good")).status() == 200);
  CHECK(gateway.ask(get("/bad")).status() == 503);
  H2Client client(gateway.port());
  CHECK(client.get("/good").status() == 200);
  const wire::AnswerCounts told{{{0, 2, 0, 0, 1}, {0, 1, 0, 0, 0}}};
  wait_until([&] { return answers(0) == told; });
  CHECK(answers(1) == wire::AnswerCounts{});
  gateway.take_down(0);
  gateway.settle();
  CHECK(gateway.ask(get("/good")).body == "other");
  CHECK(answers(0) == told);
}

TEST_CASE("a request that is passed on is counted by the master that answers it alone") {
  Origin origin(always(ok("here")));
  Gateway primary({origin.port()}, {.node = "a", .pass = "pass"});
  Gateway standby({origin.port()}, {.node = "b", .pass = "pass"});
  standby.follow("a", primary.port(), "pass");
  CHECK(standby.ask(get("/")).status() == 200);
  constexpr auto http1 = index_of(HttpProtocol::http1), good = index_of(Outcome::success);
  wait_until([&] { return counted(standby).passed_on[http1][good] == 1; });
  wait_until([&] { return counted(primary).requests[http1][good] == 1; });
  CHECK(counted(standby).requests == ServiceTraffic().requests);
  CHECK(counted(primary).passed_on == ServiceTraffic().passed_on);
  for (const auto& took : {counted(standby).duration, counted(primary).passed_on_duration}) {
    CHECK(took.buckets == HistogramSums().buckets);
  }
}

}  // namespace tandem::test::counts_test
