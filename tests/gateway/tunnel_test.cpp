// Switching protocols (RFC 9110 §7.8): when a tunnel opens, and what it does with bytes and with
// ends.
#include <catch2/catch.hpp>

#include "gateway.hpp"

namespace tandem::test::tunnel_test {
namespace {

const std::string upgrade =
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo/1, other\r\n\r\n";

std::string switching(const std::string& protocol) {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: " + protocol +
         "\r\n\r\n";
}

}  // namespace

TEST_CASE("a protocol that the client did not offer is not switched to (RFC 9110 §7.8)") {
  for (const auto* protocol : {"evil", "echo", ""}) {
    INFO(protocol);
    Origin origin(always(switching(protocol)));
    Gateway gateway({origin.port()});
    CHECK(gateway.ask(upgrade).status() == 502);
  }
}

TEST_CASE(
    "one of several offered protocols may be switched to, in any case of letters (RFC 9110 §7.8)") {
  Origin origin(always(switching("OTHER")));
  Gateway gateway({origin.port()});
  CHECK(gateway.ask(upgrade).field("Upgrade") == "OTHER");
}

TEST_CASE("several Upgrade lines are one list, and all of it reaches the worker (RFC 9110 §5.3)") {
  Origin origin(always(switching("third, first")));
  Gateway gateway({origin.port()});
  const auto answer = gateway.ask(
      "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: first\r\nConnection: upgrade\r\n"
      "Upgrade:\r\nUpgrade: second, third\r\n\r\n");
  CHECK(answer.status() == 101);
  CHECK(origin.requests().at(0).field("Upgrade") == "first, second, third");
  CHECK(origin.requests().at(0).count("Upgrade") == 1);
}

TEST_CASE("h2c in any of several Upgrade lines keeps them all from the worker") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  gateway.ask(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nUpgrade: "
      "echo\r\n\r\n");
  CHECK(origin.requests().at(0).count("Upgrade") == 0);
}

TEST_CASE("a client that upgrades is told where to stick, too") {
  Origin origin(always(switching("echo/1")));
  Gateway gateway({origin.port()}, {.sticky = "seat"});
  const auto answer = gateway.ask(upgrade);
  CHECK(answer.status() == 101);
  CHECK(answer.field("Set-Cookie").starts_with("seat="));
}

TEST_CASE("Upgrade without Connection: upgrade is not passed on (RFC 9110 §7.8)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\n\r\n");
  gateway.ask("GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
  for (const auto& request : origin.requests()) {
    CHECK(request.count("Upgrade") == 0);
    CHECK(request.count("Connection") == 0);
  }
}

TEST_CASE(
    "an upgrade to h2c, which would carry requests past the gateway, is not passed on (RFC 9113 "
    "§3.1)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  const auto answer = gateway.ask(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: "
      "h2c\r\nHTTP2-Settings: AAM\r\n\r\n");
  CHECK(answer.status() == 200);
  const auto request = origin.requests().at(0);
  for (const auto* name : {"Upgrade", "Connection", "HTTP2-Settings"})
    CHECK(request.count(name) == 0);
}

TEST_CASE(
    "a worker that does not want to switch answers as always, and the connection goes on (RFC 9110 "
    "§7.8)") {
  Origin origin(always(ok("plain")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (int i = 0; i < 2; ++i) {
    client.send(upgrade);
    CHECK(read_response(client).body == "plain");
  }
  CHECK(origin.requests().at(0).field("Upgrade") == "echo/1, other");
}

TEST_CASE("426 from a worker keeps its Upgrade from the client's hop (RFC 9110 §7.8)") {
  Origin origin(
      always("HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: "
             "x\r\nContent-Length: 0\r\n\r\n"));
  Gateway gateway({origin.port()});
  const auto answer = gateway.ask(get("/"));
  CHECK(answer.status() == 426);
  CHECK(answer.count("Connection") == 0);
}

TEST_CASE("101 before the request body has been sent is answered 502") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(switching("x"));
    socket.read_to_end();
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: "
      "100000\r\n\r\n");
  CHECK(read_response(client).status() == 502);
  CHECK(client.closes());
}

TEST_CASE("101 after a request with a body opens a tunnel") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send(switching("x") + "from the worker");
    socket.send(socket.read_to_end());
  });
  Gateway gateway({origin.port()});
  for (const auto* body :
       {"Content-Length: 2\r\n\r\nhi", "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"}) {
    auto client = gateway.connect();
    client.send(std::string("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n") +
                body + "early");
    CHECK(read_response(client).status() == 101);
    client.send(" late");
    client.shutdown_send();
    CHECK(client.read_to_end() == "from the workerearly late");
    CHECK(origin.requests().back().body == "hi");
  }
}

TEST_CASE("a tunnel carries megabytes in both directions at once, and waits for who is slow") {
  const std::string bytes(5'000'000, 'b');
  Origin origin([&](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(switching("other"));
    std::thread sending([&] { socket.try_send(bytes); });
    socket.read_exactly(bytes.size());
    sending.join();
    socket.shutdown_send();
    socket.read_to_end();
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(upgrade);
  CHECK(read_response(client).status() == 101);
  CHECK(client.try_send(bytes));  // the worker's bytes fill the socket buffers meanwhile
  CHECK(client.read_exactly(bytes.size()) == bytes);
  CHECK(client.closes());
}

TEST_CASE("a worker that ends its side of a tunnel still receives") {
  std::string received;
  {
    Origin origin([&](Origin&, RawSocket& socket) {
      socket.read_until("\r\n\r\n");
      socket.send(switching("other") + "bye");
      socket.shutdown_send();
      received = socket.read_to_end();
    });
    Gateway gateway({origin.port()});
    auto client = gateway.connect();
    client.send(upgrade);
    CHECK(read_response(client).status() == 101);
    CHECK(client.read_to_end() == "bye");
    client.send("still here");
    client.shutdown_send();
    wait_until([&] { return origin.open_count() == 0; });
  }
  CHECK(received == "still here");
}

TEST_CASE("a client that resets its tunnel releases the worker, and is not held against it") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(switching("other"));
    socket.read_to_end();
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(upgrade);
  CHECK(read_response(client).status() == 101);
  CHECK(gateway.counters(0).in_flight == 1);
  client.reset();
  wait_until([&] { return gateway.counters(0).in_flight == 0; });
  CHECK(gateway.reported_failures() == 0);
}

}  // namespace tandem::test::tunnel_test
