// Clients that are too slow in their head or body, and workers before or within their answer.
#include <catch2/catch.hpp>

#include <chrono>

#include "gateway.hpp"

namespace tandem::test::timeouts_test {

using namespace std::chrono_literals;

namespace {

// Every time-out is short but those that a case is not about.
Gateway::Options with(tandem::master::ForwardTimeouts timeouts) { return {.timeouts = timeouts}; }

Origin::Script silent() {
  return [](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.read_to_end();
  };
}

constexpr auto post_of_ten = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";

}  // namespace

TEST_CASE("a head that stops half-way is answered 408 (RFC 9110 §15.5.9)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, with({.header_read = 100ms}));
  auto client = gateway.connect();
  client.send("GET / HTTP/1.1\r\nHo");
  const auto answer = read_response(client);
  CHECK(answer.status() == 408);
  CHECK(answer.field("Connection") == "close");
  CHECK(client.closes());
}

TEST_CASE("a head that trickles in has no more time than one that stops (RFC 9110 §15.5.9)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, with({.header_read = 300ms}));
  auto client = gateway.connect();
  client.send("GET / HTTP/1.1\r\nX: ");
  while (client.stays_silent(20)) client.try_send("a");
  CHECK(read_response(client).status() == 408);
  CHECK(origin.connection_count() == 0);
}

TEST_CASE("a short body that stops half-way is answered 408, and no worker was kept waiting") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, with({.body_idle = 100ms}));
  auto client = gateway.connect();
  client.send(std::string(post_of_ten) + "half");
  CHECK(read_response(client).status() == 408);
  CHECK(client.closes());
  CHECK(origin.connection_count() == 0);
}

TEST_CASE("what a service says of time holds while a short body is gathered for it") {
  Origin origin(always(ok("x")));
  for (const auto* setting : {"idle_timeout=100ms", "request_timeout=100ms"}) {
    INFO(setting);
    Gateway gateway({origin.port()});
    gateway.set({setting});
    gateway.settle();
    auto client = gateway.connect();
    client.send(std::string(post_of_ten) + "half");
    CHECK(read_response(client).status() == 408);
  }
  Gateway gateway({origin.port()});
  tandem::wire::RequestRules rules;
  rules.idle_timeout = 100ms;
  gateway.publish_route("/slow", rules);
  gateway.settle();
  auto client = gateway.connect();
  client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
  CHECK(read_response(client).status() == 408);
  CHECK(origin.connection_count() == 0);
}

TEST_CASE("a streamed body that stops half-way is answered 408 and not completed at the worker") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, with({.body_idle = 100ms}));
  auto client = gateway.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhalf");
  CHECK(read_response(client).status() == 408);
  CHECK(client.closes());
  wait_until([&] { return origin.connection_count() == 1 && origin.open_count() == 0; });
  CHECK(origin.request_count() == 0);
  CHECK(gateway.reported_failures() == 0);
}

TEST_CASE("a body may take longer than the time-out as long as it moves") {
  Origin origin(
      [](Origin& self, RawSocket& socket) { socket.send(ok(self.receive(socket).body)); });
  Gateway gateway({origin.port()}, with({.body_idle = 500ms}));
  auto client = gateway.connect();
  client.send(post_of_ten);
  for (const char c : std::string("0123456789")) {
    CHECK(client.stays_silent(100));
    client.send({&c, 1});
  }
  CHECK(read_response(client).body == "0123456789");
}

TEST_CASE(
    "a worker that says nothing is answered for with 504 and is not suspect (RFC 9110 §15.6.5)") {
  Origin origin(silent());
  Gateway gateway({origin.port()}, with({.response_head = 100ms}));
  auto client = gateway.connect();
  client.send(get("/"));
  const auto answer = read_response(client);
  CHECK(answer.status() == 504);
  CHECK(answer.body.find("gateway_timeout") != std::string::npos);
  CHECK(gateway.reported_failures() == 0);
  CHECK_FALSE(gateway.counters(0).suspect);
  CHECK(gateway.counters(0).in_flight == 0);
  wait_until([&] { return origin.open_count() == 0; });
}

TEST_CASE("a GET that timed out is not sent to another worker as well") {
  Origin first(silent()), second(silent());
  Gateway gateway({first.port(), second.port()}, with({.response_head = 100ms}));
  CHECK(gateway.ask(get("/")).status() == 504);
  CHECK(first.request_count() + second.request_count() == 1);
}

TEST_CASE("a worker that stops inside the head of its answer is answered for with 504") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nConte");
    socket.read_to_end();
  });
  Gateway gateway({origin.port()}, with({.response_head = 100ms}));
  CHECK(gateway.ask(get("/")).status() == 504);
}

TEST_CASE("a worker's time begins with the last byte of a streamed request") {
  Origin origin(silent());
  Gateway gateway({origin.port()}, with({.response_head = 200ms}));
  auto client = gateway.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  CHECK(client.stays_silent(500));
  client.send(std::string(100'000, 'x'));
  CHECK(read_response(client).status() == 504);
}

TEST_CASE("a worker that stops inside a short answer is answered for with 504") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    socket.read_to_end();
  });
  Gateway gateway({origin.port()}, with({.body_idle = 100ms}));
  CHECK(gateway.ask(get("/")).status() == 504);
}

TEST_CASE("a worker that stops inside a long answer breaks the client's connection") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    socket.read_to_end();
  });
  Gateway gateway({origin.port()}, with({.body_idle = 100ms}));
  auto client = gateway.connect();
  client.send(get("/"));
  bool reset = false;
  const auto all = client.read_to_end(&reset);
  CHECK(reset);
  CHECK(all.find("0\r\n\r\n") == std::string::npos);
  wait_until([&] { return origin.open_count() == 0; });
}

TEST_CASE("a worker that takes no more of a request is answered for with 504") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()}, with({.body_idle = 200ms}));
  auto client = gateway.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
  const std::string piece(1'000'000, 'x');
  std::size_t sent = 0;
  while (sent < 100 && client.stays_silent(0) && client.try_send(piece)) ++sent;
  CHECK(sent < 100);  // what was taken fits into socket buffers
  const auto all = client.read_to_end();
  CHECK((all.empty() || all.find(" 504 ") != std::string::npos));
  CHECK(gateway.counters(0).in_flight == 0);
}

TEST_CASE("an idle connection is closed without a word (RFC 9112 §9.5)") {
  Origin origin(always(ok("x")));
  for (const auto idle :
       {100ms, 1200ms}) {  // while it is warm, and when it has given its buffer back
    Gateway gateway({origin.port()}, with({.client_idle = idle}));
    auto fresh = gateway.connect();
    auto used = gateway.connect();
    used.send(get("/"));
    CHECK(read_response(used).status() == 200);
    CHECK(fresh.closes());
    CHECK(used.closes());
  }
}

TEST_CASE("a client that reads nothing is cut off, and costs bounded memory until then") {
  constexpr std::size_t megabytes = 100;
  std::atomic<std::size_t> sent{0};
  Origin origin([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n");
    const std::string piece(1'048'576, 'x');
    while (sent < megabytes && socket.try_send(piece)) ++sent;
  });
  Gateway gateway({origin.port()}, with({.body_idle = 300ms}));
  auto client = gateway.connect();
  client.send(get("/"));
  wait_until([&] { return gateway.plane().client_connections() == 1; });
  wait_until([&] { return gateway.plane().client_connections() == 0; });
  CHECK(sent < 64);  // the rest waited at the worker: only socket buffers were filled
  wait_until([&] { return gateway.counters(0).in_flight == 0; });
}

TEST_CASE("a tunnel in which nothing moves is cut") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    socket.read_to_end();
  });
  Gateway gateway({origin.port()}, with({.tunnel_idle = 100ms}));
  auto client = gateway.connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
  CHECK(read_response(client).status() == 101);
  CHECK(client.closes());
  wait_until([&] { return origin.open_count() == 0; });
}

TEST_CASE("a request waits for a full service as long as configured, then 503 with Retry-After") {
  Origin origin(silent());
  Gateway gateway({origin.port()}, {.connections = 1, .timeouts = {.queue_wait = 100ms}});
  auto first = gateway.connect();
  first.send(get("/"));
  wait_until([&] { return origin.request_count() == 1; });
  const auto answer = gateway.ask(get("/"));
  CHECK(answer.status() == 503);
  CHECK(answer.field("Retry-After") == "1");
}

}  // namespace tandem::test::timeouts_test
