// WebSockets to workers of HTTP/2, by extended CONNECT (RFC 8441), from clients of both protocols.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "h2_raw_worker.hpp"
#include "master/forward/stream/websocket.hpp"

namespace tandem::test::h2_worker_websockets_test {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

std::string handshake(std::string_view more = "", std::string_view key_line = key) {
  return fmt::format(
      "GET /chat?x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v1\r\nSec-WebSocket-Key: {}\r\n{}\r\n",
      key_line, more);
}

const h2::Fields open_websocket{{":method", "CONNECT"}, {":protocol", "websocket"},
                                {":scheme", "http"},    {":path", "/chat"},
                                {":authority", "a"},    {"sec-websocket-version", "13"}};

// Sends back what it is sent, until the client ends; then it ends as well.
void echo(H2RawWorker& worker, std::int32_t stream) {
  for (;;) {
    const auto frame = worker.await(h2::data_type);
    worker.send(h2::data(stream, frame.payload, frame.flags & h2::end_stream));
    if (frame.has(h2::end_stream)) return;
  }
}

Origin::Script takes_websockets(h2::Fields* seen = nullptr) {
  return [seen](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket, {{h2::enable_connect_protocol, 1}});
    for (;;) {
      const auto stream = worker.await_request();
      if (seen != nullptr) *seen = worker.fields();
      worker.send(
          h2::headers(stream, h2::block({{":status", "200"}, {"sec-websocket-protocol", "v1"}})));
      echo(worker, stream);
    }
  };
}

Origin::Script takes_none(std::atomic<int>& asked) {
  return [&asked](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) {
      worker.answer(worker.await_request(), "page");
      ++asked;
    }
  };
}

std::size_t count(const h2::Fields& fields, std::string_view name) {
  return static_cast<std::size_t>(std::count_if(
      fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; }));
}

}  // namespace

TEST_CASE("a client of HTTP/1 opens a WebSocket at a worker of HTTP/2") {
  h2::Fields seen;
  Origin origin(takes_websockets(&seen));
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto client = gateway.connect();
  client.send(handshake());
  const auto head = client.read_until("\r\n\r\n");
  CHECK(head.starts_with("HTTP/1.1 101 "));
  CHECK(head.find(fmt::format("Sec-WebSocket-Accept: {}\r\n", accept)) != head.npos);
  CHECK(head.find("sec-websocket-protocol: v1\r\n") != head.npos);
  CHECK(head.find("pgrade: websocket\r\n") != head.npos);
  for (const auto* text : {"hello", "there"}) {
    client.send(text);
    CHECK(client.read_exactly(5) == text);
  }
  CHECK(seen.at(0) == std::pair<std::string, std::string>(":method", "CONNECT"));
  CHECK(std::count(seen.begin(), seen.end(),
                   std::pair<std::string, std::string>(":protocol", "websocket")) == 1);
  CHECK(std::count(seen.begin(), seen.end(),
                   std::pair<std::string, std::string>(":path", "/chat?x")) == 1);
  CHECK(count(seen, "sec-websocket-version") == 1);
  CHECK(count(seen, "sec-websocket-key") == 0);
  CHECK(count(seen, "upgrade") + count(seen, "connection") == 0);
  // Its end is passed on, and comes back.
  client.shutdown_send();
  CHECK(client.closes());
  wait_until([&] { return gateway.counters(0).open_connections == 0; });
}

TEST_CASE("a client of HTTP/2 opens a WebSocket at a worker of HTTP/2") {
  Origin origin(takes_websockets());
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  H2Client client(gateway.port());
  const auto stream = client.ask(open_websocket, false);
  CHECK(client.head_of(stream).status() == 200);
  CHECK(client.head_of(stream).field("sec-websocket-protocol") == "v1");
  CHECK(client.head_of(stream).field("sec-websocket-accept").empty());
  client.send(h2::data(stream, "hello"));
  CHECK(client.body_of(stream, 5).body == "hello");
  client.send(h2::data(stream, "", h2::end_stream));
  CHECK(client.finish(stream).ended);
  wait_until([&] { return gateway.counters(0).open_connections == 0; });
}

TEST_CASE("more than a window of bytes passes through a WebSocket at a worker of HTTP/2") {
  Origin origin([](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket, {{h2::enable_connect_protocol, 1}});
    const auto stream = worker.await_request();
    worker.send(h2::headers(stream, h2::block({{":status", "200"}})));
    for (;;) {
      const auto frame = worker.await(h2::data_type);
      const auto size = static_cast<std::uint32_t>(frame.payload.size());
      if (size == 0) return;
      worker.send(h2::window_update(0, size) + h2::window_update(stream, size));
      worker.send(h2::data(stream, frame.payload));
    }
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto client = gateway.connect();
  client.send(handshake());
  client.read_until("\r\n\r\n");
  const std::string piece(10'000, 'x');
  for (int i = 0; i < 50; ++i) {
    client.send(piece);
    CHECK(client.read_exactly(piece.size()) == piece);
  }
}

TEST_CASE("workers of HTTP/2 that take no WebSockets: 501, and no worker sees the request") {
  std::atomic<int> asked{0};
  Origin origin(takes_none(asked));
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  const auto answer = gateway.ask(handshake());
  CHECK(answer.status() == 501);
  CHECK(answer.body.find("websocket_not_supported") != answer.body.npos);
  H2Client client(gateway.port());
  const auto stream = client.ask(open_websocket, false);
  CHECK(client.finish(stream).status() == 501);
  CHECK(asked == 0);
  CHECK(gateway.reported_failures() == 0);
  CHECK(gateway.ask(get("/")).body == "page");
}

TEST_CASE("a WebSocket goes to the worker of HTTP/2 that takes it") {
  std::atomic<int> asked{0};
  Origin plain(takes_none(asked));
  Origin able(takes_websockets());
  Gateway gateway({plain.port(), able.port()});
  gateway.set({"protocol=http2", "balance=round_robin"});
  gateway.settle();
  for (int i = 0; i < 4; ++i) {
    auto client = gateway.connect();
    client.send(handshake());
    CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
    client.shutdown_send();
    CHECK(client.closes());
  }
  CHECK(asked == 0);
}

TEST_CASE("a worker of HTTP/2 that refuses a WebSocket has its answer passed on") {
  Origin origin([](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket, {{h2::enable_connect_protocol, 1}});
    for (;;) {
      const auto stream = worker.await_request();
      worker.send(h2::headers(stream, h2::block({{":status", "403"}})) +
                  h2::data(stream, "no", h2::end_stream));
    }
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto client = gateway.connect();
  for (int i = 0; i < 2; ++i) {
    client.send(handshake());
    const auto answer = read_response(client);
    CHECK(answer.status() == 403);
    CHECK(answer.body == "no");
  }
  H2Client other(gateway.port());
  const auto stream = other.ask(open_websocket, false);
  CHECK(other.finish(stream).status() == 403);
  CHECK(other.answer(stream).body == "no");
  wait_until([&] { return gateway.counters(0).open_connections == 0; });
}

TEST_CASE("a WebSocket that its worker of HTTP/2 resets ends, as one that breaks off does") {
  Origin origin([](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket, {{h2::enable_connect_protocol, 1}});
    const auto stream = worker.await_request();
    worker.send(h2::headers(stream, h2::block({{":status", "200"}})) + h2::data(stream, "hi"));
    worker.await(h2::data_type);
    worker.send(h2::rst_stream(stream, 2));
    worker.drain();
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto client = gateway.connect();
  client.send(handshake());
  client.read_until("\r\n\r\n");
  CHECK(client.read_exactly(2) == "hi");
  client.send("x");
  CHECK(client.closes());
  wait_until([&] { return gateway.counters(0).open_connections == 0; });
}

TEST_CASE("a client that breaks off has its WebSocket at a worker of HTTP/2 reset") {
  std::atomic<bool> ended{false};
  Origin origin([&](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket, {{h2::enable_connect_protocol, 1}});
    const auto stream = worker.await_request();
    worker.send(h2::headers(stream, h2::block({{":status", "200"}})));
    ended = worker.next().type == h2::rst_stream_type;
    worker.drain();
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  auto client = gateway.connect();
  client.send(handshake());
  client.read_until("\r\n\r\n");
  client.reset();
  wait_until([&] { return ended.load(); });
  wait_until([&] { return gateway.counters(0).open_connections == 0; });
}

TEST_CASE("what is no sound handshake of a WebSocket reaches a worker of HTTP/2 as a plain GET") {
  std::atomic<int> asked{0};
  Origin origin(takes_none(asked));
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  CHECK(gateway.ask(handshake("", "short")).body == "page");
  CHECK(gateway.ask(handshake("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")).body == "page");
  CHECK(gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
            .body == "page");
}

}  // namespace tandem::test::h2_worker_websockets_test
