// What is sent again, what is not, and what the client is told. Executions are counted at the
// origin.
#include <catch2/catch.hpp>

#include <chrono>

#include "gateway.hpp"

namespace tandem::test::retry_test {
namespace {

// A port on which nobody listens.
std::uint16_t closed_port() {
  Origin gone([](Origin&, RawSocket&) {});
  return gone.port();
}

// Answers `served` requests of a connection, then closes it at the next request without a word.
Origin::Script hang_up_after(int served) {
  return [served](Origin& self, RawSocket& socket) {
    for (int i = 0;; ++i) {
      self.receive(socket);
      if (i == served) return;
      socket.send(ok("x"));
    }
  };
}

std::string post(std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

}  // namespace

TEST_CASE("a request whose worker refuses the connection goes to another, whatever its method") {
  Origin origin(always(ok("x")));
  Gateway gateway({closed_port(), closed_port(), origin.port(), closed_port(), closed_port()});
  for (int i = 0; i < 6; ++i) CHECK(gateway.ask(post("once")).status() == 200);
  CHECK(origin.request_count() == 6);
  CHECK(gateway.reported_failures() <= 4);
}

TEST_CASE("a worker that refused is suspect: it is not tried again") {
  Origin origin(always(ok("x")));
  Gateway gateway({closed_port(), origin.port()});
  for (int i = 0; i < 10; ++i) CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(gateway.reported_failures() == 1);
  CHECK(gateway.counters(0).suspect);
}

TEST_CASE("without a live worker the answer is 503 with Retry-After and the name of the service") {
  Gateway gateway({closed_port()});
  auto client = gateway.connect();
  for (int i = 0; i < 2; ++i) {
    client.send(get("/"));
    const auto answer = read_response(client);
    CHECK(answer.status() == 503);
    CHECK(answer.field("Retry-After") == "1");
    CHECK(answer.body.find("\\\"default\\\"") != std::string::npos);
  }
}

TEST_CASE("a service that nobody registered for is answered 503 as well") {
  Gateway gateway({});
  CHECK(gateway.ask(get("/")).status() == 503);
  CHECK(gateway.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", true).status() == 503);
}

TEST_CASE("a GET on a connection that the worker had just closed is sent again on a fresh one") {
  Origin origin(hang_up_after(1));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (int i = 0; i < 5; ++i) {
    client.send(get("/"));
    CHECK(read_response(client).status() == 200);
  }
  CHECK(gateway.reported_failures() == 0);
  CHECK_FALSE(gateway.counters(0).suspect);
}

TEST_CASE("a GET that a dying worker did not answer goes to another worker") {
  Origin dying(hang_up_after(0));
  Origin good(always(ok("x")));
  Gateway gateway({dying.port(), good.port()});
  for (int i = 0; i < 2; ++i) CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(dying.request_count() > 0);
  CHECK(good.request_count() == 2);
}

TEST_CASE("a GET of whose short answer a part came goes to another worker") {
  Origin dying([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  });
  Origin good(always(ok("whole")));
  Gateway gateway({dying.port(), good.port()});
  for (int i = 0; i < 2; ++i) CHECK(gateway.ask(get("/")).body == "whole");
  CHECK(dying.request_count() > 0);
}

TEST_CASE("a POST of which a byte was sent is executed once or answered 502, never twice") {
  Origin dying(hang_up_after(0));
  Origin good(always(ok("x")));
  Gateway gateway({dying.port(), good.port()});
  unsigned failed = 0;
  for (int i = 0; i < 4; ++i) failed += gateway.ask(post("once")).status() == 502 ? 1 : 0;
  CHECK(failed == 2);
  CHECK(dying.request_count() == failed);
  CHECK(good.request_count() == 4 - failed);
}

TEST_CASE("a PUT with a short body is idempotent and is sent again with its body") {
  Origin dying(hang_up_after(0));
  Origin good(always(ok("x")));
  Gateway gateway({dying.port(), good.port()});
  const std::string body(50'000, 'p');
  for (int i = 0; i < 2; ++i) {
    CHECK(
        gateway.ask("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + body).status() ==
        200);
  }
  CHECK(good.requests().at(0).body == body);
}

TEST_CASE("a POST does not use an idle connection that the worker has closed") {
  Origin origin([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send(ok("x"));
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (std::size_t i = 0; i < 5; ++i) {
    client.send(post("once"));
    CHECK(read_response(client).status() == 200);
    CHECK(origin.request_count() == i + 1);
    while (origin.open_count() > 0) std::this_thread::yield();
  }
}

TEST_CASE("a request is tried at no more than three workers that may have seen it") {
  std::vector<std::unique_ptr<Origin>> origins;
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 5; ++i) {
    origins.push_back(std::make_unique<Origin>(hang_up_after(0)));
    ports.push_back(origins.back()->port());
  }
  Gateway gateway(ports);
  CHECK(gateway.ask(get("/")).status() == 502);
  std::size_t seen = 0;
  for (const auto& origin : origins) seen += origin->request_count();
  CHECK(seen == 3);
}

TEST_CASE("a worker that leaves finishes what it has and gets nothing new") {
  Origin leaving([](Origin& self, RawSocket& socket) {
    for (;;) {
      self.receive(socket);
      socket.read_exactly(
          1);  // the request's last byte, which the test sends after the worker has left
      socket.send(ok("left"));
    }
  });
  Origin staying(always(ok("stays")));
  Gateway gateway({leaving.port()});
  auto client = gateway.connect();
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
  while (leaving.connection_count() == 0) std::this_thread::yield();
  gateway.publish({staying.port()});
  CHECK(gateway.ask(get("/")).body == "stays");
  client.send("0\r\n\r\n");
  CHECK(leaving.connection_count() == 1);
}

TEST_CASE("a PUT whose body was not begun goes to another worker when the first breaks off") {
  Origin broken([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.reset();
  });
  Origin well([](Origin&, RawSocket& socket) {
    for (;;) {
      socket.read_until("\r\n\r\n");
      socket.send("HTTP/1.1 100 Continue\r\n\r\n");
      socket.send(ok(socket.read_exactly(5)));
    }
  });
  Gateway gateway({broken.port(), well.port()});
  for (int i = 0; i < 2; ++i) {  // one of them comes to the broken worker first
    auto client = gateway.connect();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    CHECK(read_response(client).status() == 100);
    client.send("hello");
    CHECK(read_response(client).body == "hello");
  }
  CHECK(broken.connection_count() > 0);
}

}  // namespace tandem::test::retry_test
