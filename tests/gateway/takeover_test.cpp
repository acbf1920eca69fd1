// Requests that a standby had passed on to a primary that died, froze, or stepped down. What may
// have been executed is executed once or answered 502, never twice.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <random>
#include <thread>

#include <fmt/format.h>

#include "cluster.hpp"
#include "master/forward/exchange/limits.hpp"
#include "master/registry/limits.hpp"

namespace tandem::test::takeover_test {
namespace {

constexpr auto go_on = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr auto streamed_put =
    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: "
    "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";

// A standby of `primary` with a worker of its own.
struct Standby {
  explicit Standby(std::uint16_t primary) : gateway({worker.port()}) {
    gateway.follow("old", primary, "pass-of-old");
    client = gateway.connect();
  }

  Origin worker{always(ok("served here"))};
  Gateway gateway;
  RawSocket client;
};

}  // namespace

TEST_CASE("a POST that the old primary refused to serve is executed once by its successor") {
  Origin old(always(not_primary()));
  Standby standby(old.port());
  standby.client.send(post("once"));
  wait_until([&] { return old.request_count() >= 1; });
  standby.gateway.lead(3);
  CHECK(read_response(standby.client).body == "served here");
  CHECK(standby.worker.request_count() == 1);
}

TEST_CASE("a primary that did not serve for a moment is asked again, though nothing is published") {
  std::atomic<int> asked{0};
  Origin old([&](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      socket.send(++asked <= 2 ? not_primary() : ok("back"));
    }
  });
  Standby standby(old.port());
  standby.client.send(post("once"));
  CHECK(read_response(standby.client).body == "back");
  CHECK(asked == 3);
  CHECK(old.connection_count() == 1);
}

TEST_CASE("a standby does not ask a primary that does not serve more often than its pause allows") {
  Origin old(always(not_primary()));
  Standby standby(old.port());
  standby.client.send(post("never"));
  const auto answer = read_response(standby.client);
  CHECK(answer.status() == 503);
  CHECK(code_of(answer) == "no_primary");
  CHECK(answer.field("Retry-After") == "1");
  CHECK(old.request_count() >= 2);
  CHECK(old.request_count() <= limits::takeover_wait_max / limits::primary_pause + 1);
  CHECK(standby.worker.request_count() == 0);
}

TEST_CASE("a primary that refuses connections costs a POST nothing but time") {
  Standby standby(closed_port());
  standby.client.send(post("once"));
  CHECK(standby.client.stays_silent(200));
  standby.gateway.lead(3);
  CHECK(read_response(standby.client).body == "served here");
  CHECK(standby.worker.request_count() == 1);
  CHECK(standby.gateway.reported_failures() == 0);
}

TEST_CASE("a GET whose primary died without an answer is served by the standby that takes over") {
  Origin old(killed());
  Standby standby(old.port());
  standby.client.send(get("/"));
  wait_until([&] { return old.request_count() >= 1; });
  standby.gateway.lead(3);
  CHECK(read_response(standby.client).body == "served here");
}

TEST_CASE("a POST whose primary died without an answer is answered 502 and sent nowhere else") {
  Origin old(killed());
  Standby standby(old.port());
  standby.client.send(post("once"));
  const auto answer = read_response(standby.client);
  CHECK(answer.status() == 502);
  CHECK(code_of(answer) == "bad_gateway");
  standby.gateway.lead(3);
  CHECK(old.request_count() == 1);
  CHECK(standby.worker.request_count() == 0);
}

TEST_CASE("a POST does not use an idle connection to a primary that has died") {
  Origin old([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send(ok("first"));
  });
  Standby standby(old.port());
  standby.client.send(post("first"));
  CHECK(read_response(standby.client).body == "first");
  old.stop_listening();
  wait_until([&] { return old.open_count() == 0; });
  standby.client.send(post("once"));
  CHECK(standby.client.stays_silent(100));
  standby.gateway.lead(3);
  CHECK(read_response(standby.client).body == "served here");
  CHECK(standby.worker.request_count() == 1);
}

TEST_CASE("a GET that hangs at a frozen primary is served by the standby that takes over") {
  Origin old(frozen());
  Standby standby(old.port());
  standby.client.send(get("/"));
  wait_until([&] { return old.request_count() == 1; });
  standby.gateway.lead(3);
  CHECK(read_response(standby.client).body == "served here");
  wait_until([&] { return old.open_count() == 0; });
  CHECK(standby.gateway.reported_failures() == 0);
}

TEST_CASE("a POST that hangs at a frozen primary is answered 502, its outcome unknown") {
  Origin old(frozen());
  Standby standby(old.port());
  standby.client.send(post("once"));
  wait_until([&] { return old.request_count() == 1; });
  standby.gateway.lead(3);
  const auto answer = read_response(standby.client);
  CHECK(answer.status() == 502);
  CHECK(code_of(answer) == "outcome_unknown");
  CHECK(standby.worker.request_count() == 0);
}

TEST_CASE(
    "a streamed PUT that hangs at a frozen primary is answered 502: it cannot be sent again") {
  std::atomic<bool> has_all{false};
  Origin old([&](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    if (has_all) return socket.wait_for_hang_up();
    socket.send(go_on);
    socket.read_until("0\r\n\r\n");
    has_all = true;
    socket.wait_for_hang_up();
  });
  Standby standby(old.port());
  standby.client.send(streamed_put);
  wait_until([&] { return has_all.load(); });
  standby.gateway.lead(3);
  CHECK(code_of(read_response(standby.client)) == "outcome_unknown");
  CHECK(standby.worker.request_count() == 0);
}

TEST_CASE(
    "a request that hangs at a frozen primary is sent again if its service names the method") {
  Origin old(frozen());
  Standby standby(old.port());
  standby.gateway.set({"retry_methods=POST"});
  standby.gateway.settle();
  auto other = standby.gateway.connect();
  standby.client.send(post("vouched for"));
  other.send(get("/"));
  wait_until([&] { return old.request_count() == 2; });
  standby.gateway.lead(3);
  CHECK(read_response(standby.client).body == "served here");
  CHECK(code_of(read_response(other)) == "outcome_unknown");
  CHECK(standby.worker.request_count() == 1);
}

TEST_CASE("a frozen primary that takes no more of a body does not hold its client") {
  Origin old([](Origin& self, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    if (self.connection_count() == 1) socket.send(go_on);
    socket.wait_for_hang_up();
  });
  Standby standby(old.port());
  standby.client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
  const std::string piece(1'000'000, 'x');
  while (standby.client.try_send(piece, 100)) {
  }
  standby.gateway.lead(3);
  CHECK(read_response(standby.client).status() == 502);
}

TEST_CASE("a connection to a primary that is not there any more is given up when another leads") {
  // Its queue is full: as behind a cut cable, nobody answers a SYN.
  const int full = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  RawSocket listener(full);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(full, reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::listen(full, 0) == 0);
  REQUIRE(::getsockname(full, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  const auto port = ntohs(address.sin_port);
  const auto in_queue = RawSocket::connect(port);

  Origin worker(always(ok("served here")));
  Gateway standby({worker.port()}, {.timeouts = {.connect = std::chrono::seconds(60)}});
  standby.follow("old", port, "pass");
  auto client = standby.connect();
  client.send(post("once"));
  CHECK(client.stays_silent(200));
  standby.lead(3);
  CHECK(read_response(client).body == "served here");
  CHECK(worker.request_count() == 1);
}

TEST_CASE("a primary that handed over still answers the POST that it has") {
  std::atomic<bool> go{false};
  Origin old([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    wait_until([&] { return go.load(); });
    socket.send(ok("executed"));
  });
  Standby standby(old.port());
  standby.client.send(post("once"));
  wait_until([&] { return old.request_count() == 1; });
  standby.gateway.lead(3);
  go = true;
  CHECK(read_response(standby.client).body == "executed");
  CHECK(standby.worker.request_count() == 0);
}

TEST_CASE("an answer that has begun is passed on whoever leads meanwhile") {
  std::atomic<bool> go{false};
  Origin old([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + std::string(20'000, 'x'));
    wait_until([&] { return go.load(); });
    socket.send(std::string(20'000, 'x'));
  });
  Standby standby(old.port());
  standby.client.send(get("/"));
  standby.client.read_until("\r\n\r\n");
  standby.gateway.lead(3);
  go = true;
  CHECK(standby.client.read_exactly(40'000) == std::string(40'000, 'x'));
  CHECK(standby.worker.request_count() == 0);
}

TEST_CASE("a new primary elsewhere gets what the old one did not answer, with its own pass") {
  Origin old(frozen());
  Origin next(always(ok("served there")));
  Standby standby(old.port());
  standby.client.send(get("/"));
  wait_until([&] { return old.request_count() == 1; });
  standby.gateway.know_nobody();  // the old one may be the next: it is not given up
  CHECK(standby.client.stays_silent(200));
  standby.gateway.follow("next", next.port(), "pass-of-next", 3);
  CHECK(read_response(standby.client).body == "served there");
  CHECK(next.requests().at(0).field("Tandem-Pass") == "pass-of-next");
  CHECK(old.requests().at(0).field("Tandem-Pass") == "pass-of-old");
  CHECK(old.request_count() == 1);
}

TEST_CASE("the same primary in a new term answers what it has") {
  std::atomic<bool> go{false};
  Origin old([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    wait_until([&] { return go.load(); });
    socket.send(ok("x"));
  });
  Standby standby(old.port());
  standby.client.send(get("/"));
  wait_until([&] { return old.request_count() == 1; });
  standby.gateway.follow("old", old.port(), "pass-of-old", 9);
  go = true;
  CHECK(read_response(standby.client).body == "x");
  CHECK(old.request_count() == 1);
}

TEST_CASE("a streamed body that the old primary has begun to take is answered 503 if it refuses") {
  Origin old(always(not_primary()));
  Standby standby(old.port());
  standby.client.send(streamed_put);
  CHECK(code_of(read_response(standby.client)) == "no_primary");
  CHECK(standby.worker.request_count() == 0);
}

TEST_CASE("roles that change under load lose no request and execute none twice") {
  PromisingWorker worker;
  Origin origin(worker.script());
  Gateway a({origin.port()}, {.node = "a", .pass = "pass-of-a", .workers_accept_terms = true});
  Gateway b({origin.port()}, {.node = "b", .pass = "pass-of-b", .workers_accept_terms = true});
  b.follow("a", a.port(), "pass-of-a", 1);
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> failed{0};
  std::vector<std::size_t> asked(4);
  std::vector<std::thread> clients;
  for (std::size_t number = 0; number < asked.size(); ++number) {
    clients.emplace_back([&, number] {
      auto client = (number % 2 == 0 ? a : b).connect();
      for (; !stop; ++asked[number]) {
        client.send(post(fmt::format("{}-{}", number, asked[number])));
        if (read_response(client).status() != 200) ++failed;
      }
    });
  }
  std::mt19937 random(42);
  Gateway* leading = &a;
  Gateway* next = &b;
  for (std::uint64_t term = 2; term < 40; ++term) {
    const auto before = worker.executions();
    const std::string next_name = next == &a ? "a" : "b";
    const auto follow = [&] {
      leading->follow(next_name, next->port(), "pass-of-" + next_name, term);
    };
    // The old one knows first, or last (it was refused by the worker meanwhile), or not who
    // follows.
    const auto order = random() % 3;
    if (order == 0) follow();
    if (order == 1) leading->know_nobody();
    next->lead(term);
    if (order != 0) follow();
    std::swap(leading, next);
    wait_until([&] { return worker.executions() > before + 20; });
  }
  stop = true;
  for (auto& client : clients) client.join();
  CHECK(failed == 0);
  for (std::size_t number = 0; number < asked.size(); ++number) {
    CHECK(asked[number] > 0);
    for (std::size_t i = 0; i < asked[number]; ++i) {
      const auto executed = worker.executions(fmt::format("{}-{}", number, i));
      if (executed != 1) FAIL_CHECK(number << "-" << i << " was executed " << executed << " times");
    }
  }
}

TEST_CASE("a master that leads no more gives its idle connections back to the workers") {
  Origin worker(always(ok("served")));
  Gateway gateway({worker.port()});
  REQUIRE(gateway.ask(get("/")).status() == 200);
  REQUIRE(worker.open_count() == 1);
  gateway.know_nobody();
  wait_until([&] { return worker.open_count() == 0; });
}

}  // namespace tandem::test::takeover_test
