// Request bodies: gathered, streamed, answered early; and clients that go away.
#include <catch2/catch.hpp>

#include "gateway.hpp"

namespace tandem::test::body_test {
namespace {

std::string bytes_of(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ";";
  text.resize(size);
  return text;
}

Origin::Script echo() {
  return [](Origin& self, RawSocket& socket) {
    for (;;) socket.send(ok(self.receive(socket).body));
  };
}

}  // namespace

TEST_CASE("bodies of every size around the buffers arrive whole, and the connection goes on") {
  Origin origin(echo());
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (const std::size_t size :
       {0, 1, 16'000, 16'384, 16'385, 65'535, 65'536, 65'537, 300'000, 3'000'000}) {
    INFO(size);
    const auto body = bytes_of(size);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) +
                "\r\n\r\n" + body);
    CHECK(read_response(client).body == body);
  }
}

TEST_CASE("chunked bodies arrive chunked and whole, with their trailers") {
  Origin origin(echo());
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (const std::size_t size : {1, 15, 16, 4'096, 65'536, 1'000'000}) {
    INFO(size);
    const auto body = bytes_of(size);
    char line[32];
    std::snprintf(line, sizeof line, "%zx\r\n", size);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(line + body + "\r\n3\r\nend\r\n0\r\nX-Sum: 7\r\n\r\n");
    CHECK(read_response(client).body == body + "end");
    CHECK(origin.requests().back().field("Transfer-Encoding") == "chunked");
    CHECK(origin.requests().back().count("Content-Length") == 0);
    CHECK(origin.requests().back().trailers == "X-Sum: 7\r\n");
  }
}

TEST_CASE("a response that comes before the body has been sent is passed on") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\nsome");
  const auto answer = read_response(client);
  CHECK(answer.status() == 413);
  CHECK(answer.field("Connection") == "close");
}

TEST_CASE("a client that still sends its body gets the whole of an early answer") {
  const auto body = bytes_of(2'000'000);
  Origin origin([&](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(ok(body));
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\nsome");
  client.read_until("\r\n\r\n");
  wait_until([&] { return origin.open_count() == 0; });  // the answer is on its way as a whole
  client.try_send(bytes_of(2'000'000));                  // as much of it as is taken
  CHECK(client.read_exactly(body.size()) == body);
}

TEST_CASE("a client that reads no answer before it has sent its whole body gets an early one") {
  const auto body = bytes_of(20'000'000);
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  const bool is_own = GENERATE(false, true);  // the answer, of the master
  Gateway gateway({origin.port()}, {.body_bytes_max = is_own ? 1'000'000u : 0u});
  auto client = gateway.connect();
  client.send(fmt::format("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.size()));
  client.send(body);
  const auto answer = read_response(client);
  CHECK(answer.status() == 413);
  CHECK(answer.field("Connection") == "close");
}

TEST_CASE("both directions stream at once") {
  Origin origin([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
      socket.read_until("ping\r\n");
      socket.send("4\r\npong\r\n");
    }
    socket.read_until("0\r\n\r\n");
    socket.send("0\r\n\r\n");
    socket.read_to_end();
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  // So that it is not gathered first.
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  client.read_until("\r\n\r\n");
  for (int i = 0; i < 3; ++i) {
    client.send("4\r\nping\r\n");
    CHECK(client.read_until("pong\r\n") == "4\r\npong\r\n");
  }
  client.send("0\r\n\r\n");
  CHECK(client.read_exactly(5) == "0\r\n\r\n");
}

TEST_CASE(
    "a client that goes away in the middle of its body leaves the worker with a broken request") {
  Origin origin(echo());
  Gateway gateway({origin.port()});
  {
    auto client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nonly this");
    while (origin.connection_count() == 0) std::this_thread::yield();
  }
  auto next = gateway.connect();
  next.send(get("/"));
  CHECK(read_response(next).status() == 200);
  CHECK(origin.connection_count() == 2);
  CHECK(origin.request_count() == 1);
  CHECK(gateway.reported_failures() == 0);
}

TEST_CASE(
    "a client that goes away in the middle of a response does not spoil the worker's connections") {
  Origin origin([](Origin& self, RawSocket& socket) {
    for (;;) {
      const bool large = self.receive(socket).start_line().find("/large") != std::string::npos;
      if (!socket.try_send(ok(std::string(large ? 5'000'000 : 1, 'x')))) return;
    }
  });
  Gateway gateway({origin.port()});
  for (int i = 0; i < 3; ++i) {
    auto client = gateway.connect();
    client.send(get("/large"));
    client.read_until("\r\n\r\n");
    client.reset();
  }
  CHECK(gateway.ask(get("/small")).body == "x");
  CHECK(gateway.reported_failures() == 0);
}

}  // namespace tandem::test::body_test
