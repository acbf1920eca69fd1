// What clients of HTTP/2 do besides plain requests: WebSockets by extended CONNECT, and gRPC.
#include <catch2/catch.hpp>

#include <atomic>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "h2_raw_worker.hpp"
#include "master/forward/stream/websocket.hpp"

namespace tandem::test::h2_streams_test {

using namespace std::chrono_literals;

namespace {

// Receives the opening of a WebSocket, and answers as RFC 6455 says.
void open_as_websocket(Origin& self, RawSocket& socket) {
  const auto request = self.receive(socket);
  tandem::master::WebSocketKey key;
  request.field("Sec-WebSocket-Key").copy(key.data(), key.size());
  socket.send(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Accept: " +
      tandem::master::websocket_accept(key) + "\r\n\r\n");
}

// A worker that opens WebSockets, and sends back what it is sent.
Origin::Script websocket_echo() {
  return [](Origin& self, RawSocket& socket) {
    open_as_websocket(self, socket);
    for (;;) socket.send(socket.read_exactly(1));
  };
}

const h2::Fields open_websocket{{":method", "CONNECT"}, {":protocol", "websocket"},
                                {":scheme", "http"},    {":path", "/chat"},
                                {":authority", "a"},    {"sec-websocket-version", "13"}};

}  // namespace

TEST_CASE("Sec-WebSocket-Accept is computed as in the example of RFC 6455 §1.3") {
  tandem::master::WebSocketKey key;
  std::string("dGhlIHNhbXBsZSBub25jZQ==").copy(key.data(), key.size());
  CHECK(tandem::master::websocket_accept(key) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("HTTP/2: a WebSocket is opened at a worker of HTTP/1, and carries bytes both ways") {
  Origin origin(websocket_echo());
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto stream = client.ask(open_websocket, false);
  CHECK(client.head_of(stream).status() == 200);
  CHECK(client.head_of(stream).field("sec-websocket-accept").empty());
  client.send(h2::data(stream, "hello"));
  CHECK(client.body_of(stream, 5).body == "hello");
  const auto request = origin.requests().at(0);
  CHECK(request.start_line() == "GET /chat HTTP/1.1");
  CHECK(request.field("Upgrade") == "websocket");
  CHECK(request.field("sec-websocket-version") == "13");
}

TEST_CASE("HTTP/2: a worker that opens no WebSocket, or without the proof, is no success") {
  for (const auto& answer :
       {ok("page"), std::string("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                                "Upgrade: websocket\r\nSec-WebSocket-Accept: eA==\r\n\r\n")}) {
    Origin origin(always(answer));
    Gateway gateway({origin.port()});
    H2Client client(gateway.port());
    const auto stream = client.ask(open_websocket, false);
    CHECK(client.finish(stream).status() == 502);
    CHECK(client.answer(stream).ended);
  }
}

namespace {

h2::Fields grpc_call(const h2::Fields& more = {}) {
  h2::Fields fields{{":method", "POST"},
                    {":scheme", "http"},
                    {":path", "/hello.Greeter/SayHello"},
                    {":authority", "a"},
                    {"content-type", "application/grpc+proto"},
                    {"te", "trailers"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

}  // namespace

TEST_CASE("HTTP/2: a WebSocket whose worker resets its connection is reset (RFC 8441 §5)") {
  Origin origin([](Origin& self, RawSocket& socket) {
    open_as_websocket(self, socket);
    socket.read_exactly(2);
    socket.reset();
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto stream = client.ask(open_websocket, false);
  CHECK(client.head_of(stream).status() == 200);
  client.send(h2::data(stream, "hi"));
  CHECK(client.reset_of(stream) == h2::cancel);
  CHECK_FALSE(client.answer(stream).ended);
  client.await_pong();  // the connection goes on
}

TEST_CASE("HTTP/2: a WebSocket that its client resets is reset at a worker of HTTP/1") {
  std::atomic<int> ends{0};
  std::atomic<int> resets{0};
  Origin origin([&](Origin& self, RawSocket& socket) {
    open_as_websocket(self, socket);
    bool reset = false;
    socket.read_to_end(&reset);
    ++(reset ? resets : ends);
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto first = client.ask(open_websocket, false);
  CHECK(client.head_of(first).status() == 200);
  client.send(h2::rst_stream(first, h2::cancel));
  wait_until([&] { return resets == 1; });
  const auto second = client.ask(open_websocket, false);
  CHECK(client.head_of(second).status() == 200);
  client.send(h2::data(second, "", h2::end_stream));
  wait_until([&] { return ends == 1; });
  CHECK(resets == 1);
}

TEST_CASE("gRPC: an error of this master is trailers-only, with the status that gRPC has for it") {
  Gateway gateway(std::vector<std::uint16_t>{});
  H2Client client(gateway.port());
  const auto& answer = client.finish(client.ask(grpc_call()));
  CHECK(answer.status() == 200);
  CHECK(answer.field("content-type") == "application/grpc");
  CHECK(answer.field("grpc-status") == "14");
  CHECK(answer.field("grpc-message") == "Service \"default\" has no live worker.");
  CHECK(answer.body.empty());
  CHECK(answer.ended);
}

TEST_CASE("gRPC: the client's deadline is ours, and what is left of it the worker's") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto& answer = client.finish(client.ask(grpc_call({{"grpc-timeout", "300m"}})));
  CHECK(answer.field("grpc-status") == "4");
  const auto left = origin.requests().at(0).field("grpc-timeout");
  CHECK(origin.requests().at(0).count("grpc-timeout") == 1);
  CHECK(left.ends_with("m"));
  CHECK(std::stoul(left) <= 300);
}

TEST_CASE("gRPC: a call without messages ends with an empty DATA frame at its worker") {
  Origin origin([](Origin&, RawSocket& socket) {
    H2RawWorker worker(socket);
    for (;;) {
      const auto stream = worker.await_request();
      const auto end = worker.next();
      const bool ends = end.type == h2::data_type && end.payload.empty() && end.has(h2::end_stream);
      worker.answer(stream, ends ? "ended by DATA" : "ended otherwise");
    }
  });
  Gateway gateway({origin.port()});
  gateway.set({"protocol=http2"});
  gateway.settle();
  H2Client client(gateway.port());
  const auto call = h2::post({{"content-type", "application/grpc"}, {"te", "trailers"}});
  // In one segment.
  const auto stream = client.ask_with(call, "");
  CHECK(client.finish(stream).body == "ended by DATA");
  CHECK(client.get("/a", {{"content-type", "application/grpc+proto"}}).body == "ended by DATA");
}

TEST_CASE("gRPC: a worker speaks before the client has ended, and both go on") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
      socket.read_until("\r\n");
      const auto message = socket.read_exactly(3);
      socket.read_exactly(2);
      socket.send("3\r\n" + message + "\r\n");
    }
    socket.send("0\r\ngrpc-status: 0\r\n\r\n");
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()}, {.timeouts = {.body_idle = 200ms}});
  H2Client client(gateway.port());
  const auto stream = client.ask(grpc_call(), false);
  std::string all;
  for (const auto* message : {"one", "two", "six"}) {
    client.send(h2::data(stream, message));
    all += message;
    CHECK(client.body_of(stream, all.size()).body == all);
  }
  CHECK(client.finish(stream).trailers == h2::Fields{{"grpc-status", "0"}});
}

TEST_CASE("HTTP/2: CONNECT for anything else is not served") {
  Gateway gateway(std::vector<std::uint16_t>{});
  H2Client client(gateway.port());
  auto other = open_websocket;
  other[1].second = "connect-udp";
  CHECK(client.finish(client.ask(other)).status() == 501);
  const auto tunnel = client.ask({{":method", "CONNECT"}, {":authority", "a:443"}});
  CHECK(client.finish(tunnel).status() >= 400);
}

}  // namespace tandem::test::h2_streams_test
