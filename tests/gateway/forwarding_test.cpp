// What a request looks like at the worker, and what its answer looks like at the client.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "gateway.hpp"

namespace tandem::test::forwarding_test {

TEST_CASE(
    "a request is forwarded with its method, target and end-to-end fields in order and case") {
  Origin origin(always(ok("hello")));
  Gateway gateway({origin.port()});
  const auto answer = gateway.ask(
      "GET /a%2Fb/../c?x=1&y=%20 HTTP/1.1\r\nHost: example.org:8080\r\nX-First: 1\r\naccept: "
      "*/*\r\n"
      "X-Second:  two words \r\n\r\n");
  CHECK(answer.status() == 200);
  CHECK(answer.body == "hello");
  const auto request = origin.requests().at(0);
  CHECK(request.start_line() == "GET /a%2Fb/../c?x=1&y=%20 HTTP/1.1");
  CHECK(request.field("Host") == "example.org:8080");
  CHECK(request.head.find("X-First: 1\r\naccept: */*\r\nX-Second: two words\r\n") !=
        std::string::npos);
}

TEST_CASE("Via, X-Forwarded-* and X-Request-Id are told to the worker (RFC 9110 §7.6.3)") {
  Origin origin(always(ok("")));
  Gateway gateway({origin.port()});
  gateway.ask(get("/"));
  const auto request = origin.requests().at(0);
  CHECK(request.field("Via") == "1.1 tandem-test");
  CHECK(request.field("X-Forwarded-For") == "127.0.0.1");
  CHECK(request.field("X-Forwarded-Proto") == "http");
  CHECK(request.field("X-Forwarded-Host") == "example.org");
  CHECK(request.field("X-Request-Id").size() == 32);
}

TEST_CASE("a client cannot forge X-Forwarded-* or Tandem-* fields") {
  Origin origin(always(ok("")));
  Gateway gateway({origin.port()});
  gateway.ask(
      "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nx-forwarded-proto: https\r\n"
      "X-Forwarded-Host: b\r\nTandem-Term: 99\r\ntandem-anything: 1\r\n\r\n");
  const auto request = origin.requests().at(0);
  CHECK(request.field("X-Forwarded-For") == "127.0.0.1");
  CHECK(request.count("X-Forwarded-For") == 1);
  CHECK(request.field("X-Forwarded-Proto") == "http");
  CHECK(request.field("X-Forwarded-Host") == "a");
  CHECK(request.count("Tandem-Term") == 0);
  CHECK(request.count("tandem-anything") == 0);
}

TEST_CASE("a client's X-Request-Id is kept when it is usable") {
  Origin origin(always(ok("")));
  Gateway gateway({origin.port()});
  gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: abc-1\r\n\r\n");
  gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: " + std::string(129, 'a') + "\r\n\r\n");
  CHECK(origin.requests().at(0).field("X-Request-Id") == "abc-1");
  CHECK(origin.requests().at(1).field("X-Request-Id").size() == 32);
}

TEST_CASE("hop-by-hop fields end here, also those that Connection names (RFC 9110 §7.6.1)") {
  Origin origin(
      always("HTTP/1.1 200 OK\r\nConnection: X-Private\r\nX-Private: 1\r\nKeep-Alive: "
             "timeout=5\r\nX-Public: 1\r\n"
             "Content-Length: 0\r\n\r\n"));
  Gateway gateway({origin.port()});
  const auto answer = gateway.ask(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Mine, keep-alive\r\nX-Mine: 1\r\nKeep-Alive: "
      "1\r\n"
      "Proxy-Connection: keep-alive\r\nTE: gzip\r\nX-Kept: 1\r\n\r\n");
  const auto request = origin.requests().at(0);
  for (const auto* name : {"Connection", "X-Mine", "Keep-Alive", "Proxy-Connection", "TE"}) {
    INFO(name);
    CHECK(request.count(name) == 0);
  }
  CHECK(request.field("X-Kept") == "1");
  CHECK(answer.count("X-Private") == 0);
  CHECK(answer.count("Keep-Alive") == 0);
  CHECK(answer.field("X-Public") == "1");
}

TEST_CASE("Connection cannot strip the fields that the gateway relies on") {
  Origin origin(always(ok("")));
  Gateway gateway({origin.port()});
  gateway.ask(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nIdempotency-Key: k\r\n"
      "Connection: Host, Content-Length, X-Forwarded-For, X-Request-Id, Via, "
      "Idempotency-Key\r\n\r\nhi");
  const auto request = origin.requests().at(0);
  CHECK(request.field("Host") == "a");
  CHECK(request.body == "hi");
  CHECK(request.field("X-Forwarded-For") == "127.0.0.1");
  CHECK(request.field("Idempotency-Key") == "k");
  CHECK(request.count("X-Request-Id") == 1);
  CHECK(request.count("Via") == 1);
}

TEST_CASE("in absolute-form the target's host wins over Host (RFC 9112 §3.2.2)") {
  Origin origin(always(ok("")));
  Gateway gateway({origin.port()});
  gateway.ask("GET http://right.example:81/p?q HTTP/1.1\r\nHost: wrong\r\n\r\n");
  gateway.ask("GET http://right.example?q HTTP/1.1\r\nHost: wrong\r\n\r\n");
  gateway.ask("OPTIONS http://right.example HTTP/1.1\r\nHost: wrong\r\n\r\n");
  const auto requests = origin.requests();
  CHECK(requests.at(0).start_line() == "GET /p?q HTTP/1.1");
  CHECK(requests.at(0).field("Host") == "right.example:81");
  CHECK(requests.at(1).start_line() == "GET /?q HTTP/1.1");
  CHECK(requests.at(2).start_line() == "OPTIONS * HTTP/1.1");
}

TEST_CASE("an empty Host is passed on as it is (RFC 9110 §7.2)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  CHECK(gateway.ask("GET / HTTP/1.1\r\nHost:\r\n\r\n").status() == 200);
  CHECK(gateway.ask("GET / HTTP/1.0\r\nHost:\r\n\r\n").status() == 200);
  for (const auto& request : origin.requests()) {
    CHECK(request.head.find("\r\nHost: \r\n") != std::string::npos);
    CHECK(request.count("X-Forwarded-Host") == 0);
  }
}

TEST_CASE("equal repeated Content-Lengths become one (RFC 9110 §8.6)") {
  Origin origin(always(ok("")));
  Gateway gateway({origin.port()});
  gateway.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3, 3\r\n\r\nabc");
  const auto request = origin.requests().at(0);
  CHECK(request.count("Content-Length") == 1);
  CHECK(request.body == "abc");
}

TEST_CASE("many requests of one client share one connection to the worker") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (int i = 0; i < 20; ++i) {
    client.send(get("/"));
    CHECK(read_response(client).status() == 200);
  }
  CHECK(origin.request_count() == 20);
  CHECK(origin.connection_count() == 1);
}

TEST_CASE("pipelined requests are answered in order (RFC 9112 §9.3.2)") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) socket.send(ok(self.receive(socket).start_line()));
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  std::string all;
  for (int i = 0; i < 50; ++i) all += get("/" + std::to_string(i));
  client.send(
      all +
      "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n" +
      get("/last"));
  for (int i = 0; i < 50; ++i)
    CHECK(read_response(client).body == "GET /" + std::to_string(i) + " HTTP/1.1");
  CHECK(read_response(client).body == "POST /p HTTP/1.1");
  CHECK(read_response(client).body == "GET /last HTTP/1.1");
}

TEST_CASE("a request that arrives byte by byte is served") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (const char byte :
       std::string("\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")) {
    client.send({&byte, 1});
  }
  CHECK(read_response(client).status() == 200);
  CHECK(origin.requests().at(0).body == "hello");
}

TEST_CASE("a client that has shut its sending side down still gets its answer") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(get("/"));
  client.shutdown_send();
  CHECK(read_response(client).body == "x");
  CHECK(client.closes());
}

TEST_CASE("an HTTP/1.0 client is served, without chunks, and its connection closes") {
  Origin origin(
      always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send("GET / HTTP/1.0\r\n\r\n");
  const auto answer = read_response(client);
  CHECK(answer.count("Transfer-Encoding") == 0);
  CHECK(answer.field("Connection") == "close");
  CHECK(answer.body == "hello");
  CHECK(origin.requests().at(0).start_line() == "GET / HTTP/1.1");
  CHECK(origin.requests().at(0).count("Host") == 1);
}

TEST_CASE("an HTTP/1.0 client that asks for keep-alive gets it when the length is known") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (int i = 0; i < 2; ++i) {
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(read_response(client).field("Connection") == "keep-alive");
  }
}

TEST_CASE("a client that sends on behind its last request gets a whole answer, and no reset") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  std::string requests = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  while (requests.size() < 100'000) requests += get("/");
  client.send(requests);
  const auto answer = read_response(client);
  CHECK(answer.body == "x");
  CHECK(answer.field("Connection") == "close");
  bool reset = true;
  CHECK(client.read_to_end(&reset).empty());
  CHECK_FALSE(reset);  // RFC 9112 §9.6
  CHECK(origin.request_count() == 1);
}

TEST_CASE("Connection: close is honoured") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(read_response(client).field("Connection") == "close");
  CHECK(client.closes());
}

TEST_CASE("requests are spread over workers in turn") {
  Origin first(always(ok("x"))), second(always(ok("x"))), third(always(ok("x")));
  Gateway gateway({first.port(), second.port(), third.port()});
  auto client = gateway.connect();
  for (int i = 0; i < 30; ++i) {
    client.send(get("/"));
    read_response(client);
  }
  CHECK(first.request_count() == 10);
  CHECK(second.request_count() == 10);
  CHECK(third.request_count() == 10);
}

TEST_CASE("all loops serve on one address") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.threads = 2});
  for (int i = 0; i < 40; ++i) CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(gateway.plane().requests() == 40);
}

TEST_CASE("a pipelined request whose body does not fit behind it is forwarded as it was sent") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  // Together they are more than one buffer: the second request moves to the buffer's front as its
  // body comes.
  const auto first = fmt::format("GET /first HTTP/1.1\r\nHost: a\r\nX-Padding: {}\r\n\r\n",
                                 std::string(8000, 'p'));
  const std::string body(12'000, 'b');
  client.send(first + fmt::format("PUT /second HTTP/1.1\r\nHost: b\r\nContent-Length: {}\r\n\r\n{}",
                                  body.size(), body));
  CHECK(read_response(client).status() == 200);
  CHECK(read_response(client).status() == 200);
  REQUIRE(origin.request_count() == 2);
  const auto second = origin.requests()[1];
  CHECK(second.start_line() == "PUT /second HTTP/1.1");
  CHECK(second.field("Host") == "b");
  CHECK((second.body == body));
}

TEST_CASE("many requests pipelined behind a chunked body are answered as they were asked") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto request = self.receive(socket);
      const bool head = request.start_line().starts_with("HEAD");
      socket.send(head ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" : ok(request.body));
    }
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  // What follows the body is more than the buffer has room for behind the head.
  std::string behind;
  for (int i = 0; i < 300; ++i) {
    behind += fmt::format("GET /{} HTTP/1.1\r\nHost: a\r\nX-Padding: {}\r\n\r\n", i,
                          std::string(60, 'p'));
  }
  client.send(
      "HEAD /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" +
      behind);
  CHECK(read_response(client, true).field("Content-Length") == "5");
  for (int i = 0; i < 300; ++i) REQUIRE(read_response(client).status() == 200);
  CHECK(origin.requests().back().start_line() == "GET /299 HTTP/1.1");
}

}  // namespace tandem::test::forwarding_test
