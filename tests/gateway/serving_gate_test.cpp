// A master sends a worker nothing unless its gate is open at that moment, and says in which term.
#include <catch2/catch.hpp>

#include <sys/resource.h>

#include "cluster.hpp"
#include "master/forward/exchange/limits.hpp"

namespace tandem::test::serving_gate_test {
namespace {

const Gateway::Options tandem_workers{.workers_accept_terms = true};

void close(Gateway& gateway) { gateway.gate().set_serve_until(Instant::never()); }

}  // namespace

TEST_CASE("a Tandem worker is told the term, one that is not Tandem's is not") {
  Origin origin(always(ok("x")));
  Gateway with_terms({origin.port()}, tandem_workers);
  with_terms.lead(7);
  with_terms.ask(get("/"));
  Gateway without({origin.port()});
  without.ask("GET / HTTP/1.1\r\nHost: a\r\nTandem-Term: 99\r\n\r\n");
  const auto requests = origin.requests();
  CHECK(requests[0].field("Tandem-Term") == proof_of(7));
  CHECK(requests[1].count("Tandem-Term") == 0);
}

TEST_CASE("a gate that closes between two requests of a connection keeps the second from workers") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, tandem_workers);
  auto client = gateway.connect();
  client.send(post("first"));
  CHECK(read_response(client).status() == 200);
  close(gateway);
  client.send(post("second"));
  CHECK(client.stays_silent(200));
  CHECK(origin.request_count() == 1);
  gateway.lead(2);
  CHECK(read_response(client).status() == 200);
  CHECK(origin.request_count() == 2);
  CHECK(origin.requests()[1].field("Tandem-Term") == proof_of(2));
}

TEST_CASE("a request that waits finds an open gate even if nobody reports that it opened") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  close(gateway);
  auto client = gateway.connect();
  client.send(get("/"));
  CHECK(client.stays_silent(100));
  gateway.gate().set_serve_until(Instant::forever());
  CHECK(read_response(client).status() == 200);
}

TEST_CASE("a primary whose gate stays closed answers 503 with Retry-After, workers or not") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  Gateway idle({});
  close(gateway);
  close(idle);
  for (const auto* each : {&gateway, &idle}) {
    const auto answer = each->ask(get("/"));
    CHECK(answer.status() == 503);
    CHECK(code_of(answer) == "no_primary");
    CHECK(answer.field("Retry-After") == "1");
    CHECK(answer.count("Tandem-Not-Primary") == 0);
  }
  CHECK(origin.request_count() == 0);
}

TEST_CASE("a streamed body waits for the gate as well, and arrives whole") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  close(gateway);
  auto client = gateway.connect();
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\none\r\n");
  CHECK(client.stays_silent(100));
  CHECK(origin.connection_count() <= 1);
  gateway.lead(2);
  client.send("3\r\ntwo\r\n0\r\n\r\n");
  CHECK(read_response(client).status() == 200);
  CHECK(origin.requests().at(0).body == "onetwo");
}

TEST_CASE("an upgrade waits for the gate before its head is sent") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    socket.send(socket.read_until("\n"));
  });
  Gateway gateway({origin.port()});
  close(gateway);
  auto client = gateway.connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
  CHECK(client.stays_silent(100));
  CHECK(origin.request_count() == 0);
  gateway.lead(2);
  CHECK(read_response(client).status() == 101);
  client.send("hello\n");
  CHECK(client.read_until("\n") == "hello\n");
}

TEST_CASE("a client that goes away while it waits is let go, and its request never sent") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  gateway.know_nobody();
  auto client = gateway.connect();
  client.send(post("gone"));
  CHECK(client.stays_silent(100));
  client.reset();
  wait_until([&] { return gateway.plane().client_connections() == 0; });
  gateway.lead(2);
  CHECK(gateway.ask(post("here")).status() == 200);
  CHECK(origin.request_count() == 1);
}

TEST_CASE("a master that stops lets go of those who wait") {
  RawSocket client;
  {
    Gateway gateway({});
    gateway.know_nobody();
    client = gateway.connect();
    client.send(get("/"));
    CHECK(client.stays_silent(100));
  }
  CHECK(client.closes());
}

TEST_CASE("as many as the limit wait for a primary, and one more is answered 503 at once") {
  constexpr auto room = limits::takeover_waiters_max;
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  REQUIRE(descriptors.rlim_cur > 2 * room + 200);
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  std::vector<RawSocket> clients;
  for (std::size_t i = 0; i <= room; ++i) clients.push_back(gateway.connect());
  wait_until([&] { return gateway.plane().client_connections() == room + 1; });
  gateway.know_nobody();
  for (auto& client : clients) client.send(get("/"));
  // All were sent before anybody's two seconds were over, or the machine is too slow to tell.
  std::size_t refused = 0;
  wait_until([&] { return gateway.plane().requests() == room + 1; });
  gateway.lead(2);
  for (auto& client : clients) refused += read_response(client).status() == 503 ? 1 : 0;
  CHECK(refused >= 1);
  CHECK(origin.request_count() == room + 1 - refused);
}

}  // namespace tandem::test::serving_gate_test
