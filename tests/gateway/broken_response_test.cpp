// Workers that break the rules: what the client is told, and that their connection is used no more.
#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "table.hpp"

namespace tandem::test::broken_response_test {
namespace {

struct Row {
  const char* why;
  std::string answer;
};

std::string with(const std::string& field) { return "HTTP/1.1 200 OK\r\n" + field + "\r\n\r\nabc"; }

[[maybe_unused]] const bool malformed = each_row_is_a_case<Row>(
    "a response that is not well-formed is answered 502 (RFC 9110 §15.6.3)",
    {
        {"no HTTP", "hello\r\n\r\n"},
        {"HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n"},
        {"HTTP/0.9", "HTTP/0.9 200 OK\r\n\r\n"},
        {"a version in lower case", "http/1.1 200 OK\r\n\r\n"},
        {"a status that is no number", "HTTP/1.1 2x0 OK\r\n\r\n"},
        {"a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"},
        {"a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"},
        {"a status below 100", "HTTP/1.1 099 Low\r\n\r\n"},
        {"a control character in the reason", "HTTP/1.1 200 O\x01K\r\n\r\n"},
        {"bare LFs", "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"},
        {"differing Content-Lengths", with("Content-Length: 3\r\nContent-Length: 4")},
        {"a signed Content-Length", with("Content-Length: +3")},
        {"a hexadecimal Content-Length", with("Content-Length: 0x3")},
        {"an overflowing Content-Length", with("Content-Length: 18446744073709551616")},
        {"Content-Length with Transfer-Encoding",
         with("Content-Length: 3\r\nTransfer-Encoding: chunked")},
        {"an unknown transfer coding", with("Transfer-Encoding: gzip")},
        {"a coding before chunked", with("Transfer-Encoding: gzip, chunked")},
        {"chunked twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")},
        {"Transfer-Encoding in HTTP/1.0",
         "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {"a space before the colon", with("X : 1")},
        {"an empty field name", with(": 1")},
        {"a bare CR in a value", with("X: a\rb")},
        {"a NUL in a value", with(std::string("X: a\0b", 6))},
        {"a folded field", with("X: a\r\n b")},
        {"101 that nobody asked for",
         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"},
    },
    [](const Row& row) {
      Origin origin([&row](Origin& self, RawSocket& socket) {
        self.receive(socket);
        socket.send(row.answer);
        self.receive(socket);
      });
      Gateway gateway({origin.port()});
      auto client = gateway.connect();
      client.send(get("/"));
      const auto answer = read_response(client);
      CHECK(answer.status() == 502);
      CHECK(answer.body.find("bad_gateway") != std::string::npos);
      CHECK(answer.body.find("abc") == std::string::npos);
      wait_until([&] { return origin.open_count() == 0; });
      CHECK(origin.request_count() == 1);
      CHECK_FALSE(gateway.counters(0).suspect);
      client.send(get("/"));  // the client's own connection is in order
      CHECK(read_response(client).status() == 502);
    },
    CATCH_INTERNAL_LINEINFO);

[[maybe_unused]] const bool chunks = each_row_is_a_case<Row>(
    "a chunked response that is not well-formed breaks the client's connection (RFC 9112 §7.1)",
    {
        {"a signed size", "+3\r\nabc\r\n0\r\n\r\n"},
        {"a size that is no number", "xyz\r\nabc\r\n0\r\n\r\n"},
        {"a bare LF after the size", "3\nabc\r\n0\r\n\r\n"},
        {"garbage after a chunk", "3\r\nabcd\r\n0\r\n\r\n"},
        {"an overflowing size", "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"},
        {"a trailer without a colon", "3\r\nabc\r\n0\r\nx\r\n\r\n"},
    },
    [](const Row& row) {
      std::atomic<bool> head_came{false};
      Origin origin([&](Origin& self, RawSocket& socket) {
        self.receive(socket);
        socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        wait_until([&] { return head_came.load(); });
        socket.send(row.answer);
        socket.read_to_end();
      });
      Gateway gateway({origin.port()});
      auto client = gateway.connect();
      client.send(get("/"));
      client.read_until("\r\n\r\n");
      head_came = true;
      bool reset = false;
      const auto all = client.read_to_end(&reset);
      CHECK(reset);
      CHECK_FALSE(all.ends_with("0\r\n\r\n"));
      wait_until([&] { return origin.open_count() == 0; });
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

TEST_CASE("an interim response has no length, whatever its fields say (RFC 9110 §8.6)") {
  Origin origin(
      always("HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nLink: </a>\r\n\r\n" + ok("done")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(get("/"));
  const auto hints = read_response(client);
  CHECK(hints.field("Link") == "</a>");
  CHECK(hints.count("Content-Length") == 0);
  CHECK(read_response(client).body == "done");
}

TEST_CASE("a response without Date is dated here, one with it keeps its own (RFC 9110 §6.6.1)") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) {
      const bool dated = self.receive(socket).start_line().find("/dated") != std::string::npos;
      socket.send(dated ? "HTTP/1.1 200 OK\r\ndate: Tue, 15 Nov 1994 08:12:31 "
                          "GMT\r\nContent-Length: 0\r\n\r\n"
                        : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  Gateway gateway({origin.port()});
  const auto made = gateway.ask(get("/"));
  CHECK(made.count("Date") == 1);
  CHECK(made.field("Date").ends_with(" GMT"));
  const auto kept = gateway.ask(get("/dated"));
  CHECK(kept.count("Date") == 1);
  CHECK(kept.field("Date") == "Tue, 15 Nov 1994 08:12:31 GMT");
}

TEST_CASE("204 and 304 with the fields of a body are passed on without them (RFC 9112 §6.3)") {
  for (const auto* status : {"204 No Content", "304 Not Modified"}) {
    Origin origin(
        always("HTTP/1.1 " + std::string(status) + "\r\nTransfer-Encoding: chunked\r\n\r\n"));
    Gateway gateway({origin.port()});
    auto client = gateway.connect();
    for (int i = 0; i < 2; ++i) {
      client.send(get("/"));
      const auto answer = read_response(client);
      CHECK(answer.count("Transfer-Encoding") == 0);
      CHECK(answer.count("Content-Length") == 0);
    }
    CHECK(origin.connection_count() == 1);
  }
}

TEST_CASE(
    "a body that a worker sends to HEAD poisons its connection and does not reach the client") {
  Origin origin(always(ok("evil")));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (int i = 0; i < 2; ++i) {
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(read_response(client, true).field("Content-Length") == "4");
  }
  CHECK(client.stays_silent(0));
  CHECK(origin.connection_count() == 2);
}

TEST_CASE("a worker that speaks HTTP/1.0 and closes is understood (RFC 9112 §9.3)") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.0 200 OK\r\n\r\nold");
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (int i = 0; i < 2; ++i) {
    client.send(get("/"));
    const auto answer = read_response(client);
    CHECK(answer.start_line() == "HTTP/1.1 200 OK");
    CHECK(answer.field("Via") == "1.0 tandem-test");
    CHECK(answer.body == "old");
  }
}

TEST_CASE("a worker that says Connection: close is not sent a second request (RFC 9112 §9.6)") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      socket.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    }
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (int i = 0; i < 3; ++i) {
    client.send(get("/"));
    CHECK(read_response(client).count("Connection") == 0);
  }
  CHECK(origin.connection_count() == 3);
}

}  // namespace tandem::test::broken_response_test
