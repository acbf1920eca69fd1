// Limits, each with its answer: what fits is served, one more is refused.
#include <catch2/catch.hpp>

#include "gateway.hpp"

namespace tandem::test::limits_test {
namespace {

std::string post(const std::string& fields, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n\r\n" + body;
}

Origin::Script echo() {
  return [](Origin& self, RawSocket& socket) {
    for (;;) socket.send(ok(self.receive(socket).body));
  };
}

}  // namespace

TEST_CASE("a target over 16 KiB is answered 414, one of 16 KiB is served (RFC 9110 §15.5.15)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  CHECK(gateway.ask(get("/" + std::string(16 * 1024 - 1, 'a'))).status() == 200);
  CHECK(gateway.ask(get("/" + std::string(16 * 1024, 'a'))).status() == 414);
  CHECK(gateway.ask(get("/" + std::string(60 * 1024, 'a'))).status() == 414);
}

TEST_CASE(
    "a request line over its limit is answered 414 whatever its length, if it never ends too") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  for (const std::size_t bytes : {17u, 64u, 70u, 200u}) {
    INFO(bytes << " KiB");
    CHECK(gateway.ask(get("/" + std::string(bytes * 1024, 'a'))).status() == 414);
    auto client = gateway.connect();
    client.send("GET /" + std::string(bytes * 1024 + 1024, 'a'));
    CHECK(read_response(client).status() == 414);
    CHECK(client.closes());
  }
  auto slow = gateway.connect();
  slow.send("GET /");
  for (int i = 0; i < 35; ++i) slow.send(std::string(512, 'a'));
  CHECK(read_response(slow).status() == 414);
  auto method = gateway.connect();
  method.send(std::string(18 * 1024, 'M'));
  CHECK(read_response(method).status() == 414);
  CHECK(origin.request_count() == 0);
}

TEST_CASE("a response may have 1,024 fields, one with more is answered 502") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto target = self.receive(socket).start_line().substr(5);
      std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n";
      for (int i = 1; i < std::stoi(target); ++i) head += "Set-Cookie: a=b\r\n";
      socket.send(head + "\r\nx");
    }
  });
  Gateway gateway({origin.port()});
  for (const int fields : {257, 1024}) {
    const auto answer = gateway.ask(get("/" + std::to_string(fields)));
    CHECK(answer.status() == 200);
    CHECK(answer.count("Set-Cookie") == static_cast<std::size_t>(fields - 1));
  }
  CHECK(gateway.ask(get("/1025")).status() == 502);
}

namespace {

// A GET with so many fields, one of them Host, the first as given.
std::string with_fields(std::string_view first, int fields) {
  auto text = fmt::format("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", first);
  for (int i = 2; i < fields; ++i) text += "X: 1\r\n";
  return text + "\r\n";
}

}  // namespace

TEST_CASE("256 fields are served, 257 are answered 431 (RFC 6585 §5)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  CHECK(gateway.ask(with_fields("X: 1", 256)).status() == 200);
  CHECK(gateway.ask(with_fields("X: 1", 257)).status() == 431);
}

TEST_CASE("what masters add to 256 fields is taken from them: 272 with Via are served") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  CHECK(gateway.ask(with_fields("Via: 1.1 a", 272)).status() == 200);
  CHECK(gateway.ask(with_fields("Via: 1.1 a", 273)).status() == 431);
  Gateway standby({}, {.node = "b"});
  standby.follow("test", gateway.port(), "pass");
  CHECK(standby.ask(with_fields("X: 1", 256)).status() == 200);
}

TEST_CASE("a head of nearly 64 KiB is served, a longer one is answered 431 (RFC 6585 §5)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  const auto request = [](std::size_t bytes) {
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    return text + std::string(bytes - text.size() - 4, 'a') + "\r\n\r\n";
  };
  CHECK(gateway.ask(request(64 * 1024 - 1)).status() == 200);
  CHECK(gateway.ask(request(64 * 1024 + 100)).status() == 431);
}

TEST_CASE("a head over 64 KiB that has no end yet is answered 431 (RFC 6585 §5)") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(66 * 1024, 'a'));
  CHECK(read_response(client).status() == 431);
  CHECK(client.closes());
}

TEST_CASE(
    "a body of the configured maximum is served, one byte more is answered 413 (RFC 9110 "
    "§15.5.14)") {
  Origin origin(echo());
  Gateway gateway({origin.port()}, {.body_bytes_max = 10});
  CHECK(gateway.ask(post("Content-Length: 10", "0123456789")).body == "0123456789");
  auto client = gateway.connect();
  client.send(post("Content-Length: 11", ""));
  const auto answer = read_response(client);
  CHECK(answer.status() == 413);
  CHECK(answer.field("Connection") == "close");
  CHECK(answer.body.find("body_too_large") != std::string::npos);
  CHECK(client.closes());
  CHECK(origin.request_count() == 1);
}

TEST_CASE("413 comes before a client that waits for 100 has sent anything (RFC 9110 §10.1.1)") {
  Origin origin(echo());
  Gateway gateway({origin.port()}, {.body_bytes_max = 10});
  CHECK(gateway.ask(post("Content-Length: 100\r\nExpect: 100-continue", "")).status() == 413);
  CHECK(origin.connection_count() == 0);
}

TEST_CASE(
    "a chunked body that passes the maximum is answered 413 and never completed at the worker") {
  std::atomic<int> broken{0};
  Origin origin([&](Origin& self, RawSocket& socket) {
    try {
      for (;;) socket.send(ok(self.receive(socket).body));
    } catch (const std::exception&) {
      ++broken;
      throw;
    }
  });
  Gateway gateway({origin.port()}, {.body_bytes_max = 10});
  CHECK(gateway.ask(post("Transfer-Encoding: chunked", "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"))
            .body == "0123456789");
  auto client = gateway.connect();
  client.send(post("Expect: 100-continue\r\nTransfer-Encoding: chunked", "5\r\n01234\r\n"));
  client.send("6\r\n567890\r\n0\r\n\r\n");
  CHECK(read_response(client).status() == 413);
  CHECK(client.closes());
  CHECK(origin.request_count() == 1);
  while (broken == 0) std::this_thread::yield();
  CHECK(gateway.reported_failures() == 0);
}

TEST_CASE("without a configured maximum a body may be of any length") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(ok("x"));
    socket.read_to_end();
  });
  Gateway gateway({origin.port()});
  CHECK(gateway.ask(post("Content-Length: 18446744073709551615", "")).status() == 200);
}

TEST_CASE(
    "64 interim responses are passed on, a worker that sends more is broken (RFC 9110 §15.2)") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) {
      const bool fits = self.receive(socket).start_line().find("/fits") != std::string::npos;
      for (int i = 0; i < (fits ? 64 : 65); ++i) socket.send("HTTP/1.1 102 Processing\r\n\r\n");
      socket.send(ok("x"));
    }
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(get("/fits"));
  for (int i = 0; i < 64; ++i) CHECK(read_response(client).status() == 102);
  CHECK(read_response(client).status() == 200);
  client.send(get("/over"));
  for (int i = 0; i < 64; ++i) CHECK(read_response(client).status() == 102);
  CHECK(read_response(client).status() == 502);
  CHECK(gateway.ask("GET /over HTTP/1.0\r\n\r\n").status() == 502);
}

}  // namespace tandem::test::limits_test
