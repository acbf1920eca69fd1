// Clients that go away while their worker has not said anything yet.
#include <catch2/catch.hpp>

#include "gateway.hpp"

namespace tandem::test::client_gone_test {
namespace {

// Reads a request and says nothing; ends when the gateway has closed the connection.
Origin::Script thinking() {
  return [](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.read_to_end();
  };
}

// The worker's place must be free within the ten seconds of wait_until(); its time to answer is 30
// s.
void check_released(Gateway& gateway, Origin& origin) {
  wait_until([&] { return gateway.counters(0).in_flight == 0; });
  wait_until([&] { return gateway.plane().client_connections() == 0; });
  wait_until([&] { return origin.open_count() == 0; });
  CHECK(gateway.reported_failures() == 0);
  CHECK_FALSE(gateway.counters(0).suspect);
}

}  // namespace

TEST_CASE("a client that goes while the worker thinks releases the worker") {
  Origin origin(thinking());
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(get("/"));
  wait_until([&] { return origin.request_count() == 1; });
  SECTION("with a reset") { client.reset(); }
  SECTION("with a close") { client.close(); }
  check_released(gateway, origin);
}

TEST_CASE("a client that closes after a streamed request releases the worker") {
  Origin origin(thinking());
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
  wait_until([&] { return origin.request_count() == 1; });
  client.close();
  check_released(gateway, origin);
}

TEST_CASE("a client that resets inside a response that has come to a halt releases the worker") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    socket.read_to_end();
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(get("/"));
  client.read_until("first");
  client.reset();
  check_released(gateway, origin);
}

TEST_CASE(
    "a half-closed client waits as long as it must, and may be sent a 100 meanwhile (RFC 9110 "
    "§15.2.1)") {
  std::atomic<bool> go{false};
  Origin slow([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    wait_until([&] { return go.load(); });
    socket.send(ok("late"));
  });
  Gateway gateway({slow.port()});
  auto client = gateway.connect();
  client.send(get("/"));
  client.shutdown_send();
  CHECK(read_response(client).status() == 100);
  CHECK(client.stays_silent(2500));
  go = true;
  const auto answer = read_response(client);
  CHECK(answer.status() == 200);
  CHECK(answer.body == "late");
  CHECK(client.closes());
}

TEST_CASE("a half-closed HTTP/1.0 client is sent nothing but its answer (RFC 9110 §15.2)") {
  std::atomic<bool> go{false};
  Origin slow([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    wait_until([&] { return go.load(); });
    socket.send(ok("late"));
  });
  Gateway gateway({slow.port()});
  auto client = gateway.connect();
  client.send("GET / HTTP/1.0\r\n\r\n");
  client.shutdown_send();
  CHECK(client.stays_silent(2500));
  go = true;
  CHECK(read_response(client).status() == 200);
}

TEST_CASE("a client that only waits is not disturbed") {
  std::atomic<bool> go{false};
  Origin slow([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    wait_until([&] { return go.load(); });
    socket.send(ok("late"));
  });
  Gateway gateway({slow.port()});
  auto client = gateway.connect();
  client.send(get("/"));
  CHECK(client.stays_silent(2500));
  go = true;
  CHECK(read_response(client).body == "late");
  client.send(get("/"));
  CHECK(read_response(client).body == "late");
}

TEST_CASE("a client that resets while its request waits for room costs no worker") {
  std::atomic<bool> go{false};
  Origin slow([&](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      wait_until([&] { return go.load(); });
      socket.send(ok("late"));
    }
  });
  Gateway gateway({slow.port()}, {.timeouts = {.queue_wait = std::chrono::seconds(10)}});
  gateway.set({"in_flight=1"});
  auto first = gateway.connect();
  first.send(get("/first"));
  wait_until([&] { return slow.request_count() == 1; });
  auto gone = gateway.connect();
  gone.send(get("/gone"));
  wait_until([&] { return gateway.waiting() == 1; });
  auto last = gateway.connect();
  last.send(get("/last"));
  wait_until([&] { return gateway.waiting() == 2; });
  gone.reset();
  go = true;
  CHECK(read_response(first).body == "late");
  CHECK(read_response(last).body == "late");
  const auto requests = slow.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[1].start_line() == "GET /last HTTP/1.1");
}

TEST_CASE("a client that closes while its request waits for room gives up its place in the queue") {
  Origin origin(thinking());
  Gateway gateway({origin.port()}, {.timeouts = {.queue_wait = std::chrono::seconds(30)}});
  gateway.set({"in_flight=1"});
  auto first = gateway.connect();
  first.send(get("/"));
  wait_until([&] { return origin.request_count() == 1; });
  auto gone = gateway.connect();
  gone.send(get("/"));
  wait_until([&] { return gateway.waiting() == 1; });
  gone.close();
  wait_until([&] { return gateway.waiting() == 0; });
  wait_until([&] { return gateway.plane().client_connections() == 1; });
}

}  // namespace tandem::test::client_gone_test
