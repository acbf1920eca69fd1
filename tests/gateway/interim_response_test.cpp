// After an interim response there is still an answer to come, and a client that waits for it.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "cluster.hpp"
#include "table.hpp"

namespace tandem::test::interim_response_test {

using namespace std::chrono_literals;

namespace {

const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

// Sends that, and then dies, or says nothing more.
Origin::Script says(const std::string& interim, bool dies) {
  return [interim, dies](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send(interim);
    if (!dies) socket.read_to_end();
  };
}

}  // namespace

TEST_CASE("a worker that dies after interim responses is answered for with 502") {
  for (const auto* status : {"103 Early Hints", "100 Continue", "102 Processing"}) {
    INFO(status);
    Origin origin(says(fmt::format("HTTP/1.1 {}\r\n\r\n", status), true));
    Gateway gateway({origin.port()});
    auto client = gateway.connect();
    for (int i = 0; i < 2; ++i) {  // the client's connection is in order
      client.send(get("/"));
      CHECK(read_response(client).status() < 200);
      const auto answer = read_response(client);
      CHECK(answer.status() == 502);
      CHECK(code_of(answer) == "bad_gateway");
    }
    CHECK(origin.request_count() == 2);
  }
}

TEST_CASE("a worker that falls silent after interim responses is 504 by the response time-out") {
  Origin origin(says(hints + hints, false));
  Gateway gateway({origin.port()}, {.timeouts = {.body_idle = 1h, .response_head = 100ms}});
  auto client = gateway.connect();
  client.send(get("/"));
  for (int i = 0; i < 2; ++i) CHECK(read_response(client).status() == 103);
  const auto answer = read_response(client);
  CHECK(answer.status() == 504);
  CHECK(code_of(answer) == "gateway_timeout");
}

TEST_CASE("after an interim response no other worker is asked") {
  Origin one(says(hints, true)), two(says(hints, true));
  Gateway gateway({one.port(), two.port()});
  auto client = gateway.connect();
  client.send(get("/"));
  CHECK(read_response(client).status() == 103);
  CHECK(read_response(client).status() == 502);
  CHECK(one.request_count() + two.request_count() == 1);
}

TEST_CASE("a client that leaves after an interim response releases the worker") {
  for (const bool resets : {true, false}) {
    Origin origin(says(hints, false));
    Gateway gateway({origin.port()});
    auto client = gateway.connect();
    client.send(get("/"));
    CHECK(read_response(client).status() == 103);
    resets ? client.reset() : client.close();
    wait_until([&] { return gateway.counters(0).in_flight == 0 && origin.open_count() == 0; });
    CHECK(gateway.reported_failures() == 0);
  }
}

TEST_CASE("a client whose body breaks after a 100 is told so") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 100 Continue\r\n\r\n");
    socket.read_to_end();
  });
  Gateway gateway({origin.port()}, {.timeouts = {.body_idle = 100ms}});
  const std::string head =
      "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
  auto malformed = gateway.connect();
  malformed.send(head);
  CHECK(read_response(malformed).status() == 100);
  malformed.send("no chunk\r\n");
  CHECK(read_response(malformed).status() == 400);
  auto idle = gateway.connect();
  idle.send(head);
  CHECK(read_response(idle).status() == 100);
  CHECK(read_response(idle).status() == 408);
}

namespace {

struct Row {
  const char* why;
  std::string chunks;
};

[[maybe_unused]] const bool malformed = each_row_is_a_case<Row>(
    "a response whose first chunks are not well-formed is answered 502 (RFC 9112 §7.1)",
    {
        {"a signed size", "+3\r\nabc\r\n0\r\n\r\n"},
        {"a size that is no number", "xyz\r\nabc\r\n0\r\n\r\n"},
        {"a bare LF after the size", "3\nabc\r\n0\r\n\r\n"},
        {"garbage after a chunk", "3\r\nabcd\r\n0\r\n\r\n"},
        {"an overflowing size", "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"},
        {"a trailer without a colon", "3\r\nabc\r\n0\r\nx\r\n\r\n"},
    },
    [](const Row& row) {
      Origin origin([&row](Origin& self, RawSocket& socket) {
        self.receive(socket);
        socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + row.chunks);
        socket.read_to_end();
      });
      Gateway gateway({origin.port()});
      auto client = gateway.connect();
      client.send(get("/"));
      CHECK(read_response(client).status() == 502);
      wait_until([&] { return origin.open_count() == 0; });
    },
    CATCH_INTERNAL_LINEINFO);

}  // namespace

}  // namespace tandem::test::interim_response_test
