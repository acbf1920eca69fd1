// Connections to workers between two requests: what a worker says or does there is nobody's answer.
#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "table.hpp"

namespace tandem::test::idle_connection_test {
namespace {

const std::string evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";

std::string request(const std::string& method) {
  const bool has_body = method == "POST" || method == "PUT";
  return method + " / HTTP/1.1\r\nHost: a\r\n" +
         (has_body ? "Content-Length: 2\r\n\r\nhi" : "\r\n");
}

struct Row {
  const char* why;
  std::string method;
  std::string answer;
  std::string follows;  // once the client has its answer; nothing: a close
};

[[maybe_unused]] const bool followed = each_row_is_a_case<Row>(
    "a connection on which something follows that nobody asked for carries no other request",
    {
        {"an answer behind that of a GET", "GET", ok("good"), evil},
        {"an answer behind that of a POST", "POST", ok("good"), evil},
        {"an answer behind a chunked one", "PUT",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n", evil},
        {"a body behind the answer to HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
         "evil"},
        {"a body behind 204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", evil},
        {"a body behind 304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n",
         "evil"},
        {"a 408 before a close", "POST", ok("good"),
         "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
        {"a close", "GET", ok("good"), ""},
        {"a close, before a POST", "POST", ok("good"), ""},
    },
    [](const Row& row) {
      std::atomic<bool> answered{false};
      Origin origin([&](Origin& self, RawSocket& socket) {
        self.receive(socket);
        socket.send(row.answer);
        wait_until([&] { return answered.exchange(false); });
        if (row.follows.empty()) return;
        socket.send(row.follows);
        socket.wait_for_hang_up();
      });
      Gateway gateway({origin.port()});
      auto client = gateway.connect();
      for (std::size_t round = 1; round <= 3; ++round) {
        client.send(request(row.method));
        const auto answer = read_response(client, row.method == "HEAD");
        CHECK(answer.status() < 400);
        CHECK(answer.body != "evil");
        answered = true;
        // Without waiting for a request that would find out.
        wait_until([&] { return gateway.counters(0).open_connections == 0; });
        CHECK(origin.request_count() == round);
      }
      CHECK(gateway.reported_failures() == 0);
    },
    CATCH_INTERNAL_LINEINFO);

Origin::Script answers_408_to_the_second(const std::string& answer) {
  return [answer](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send(ok("good"));
    self.receive(socket);
    socket.send(answer);
    socket.wait_for_hang_up();
  };
}

const std::string farewell =
    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

}  // namespace

TEST_CASE(
    "a 408 that crosses a request on a used connection means a stale one (RFC 9110 §15.5.9)") {
  Origin origin(answers_408_to_the_second(farewell));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  for (int i = 0; i < 4; ++i) {
    client.send(request("GET"));
    CHECK(read_response(client).body == "good");
  }
  CHECK(gateway.reported_failures() == 0);
}

TEST_CASE("a 408 on a used connection is passed on when the request may not be sent again") {
  Origin origin(answers_408_to_the_second(farewell));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(request("POST"));
  CHECK(read_response(client).body == "good");
  client.send(request("POST"));
  CHECK(read_response(client).status() == 408);
  CHECK(origin.request_count() == 2);
}

TEST_CASE("a 408 of a worker that keeps its connection is an answer like any other") {
  Origin origin(
      answers_408_to_the_second("HTTP/1.1 408 Request Timeout\r\nContent-Length: 3\r\n\r\nown"));
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(request("GET"));
  CHECK(read_response(client).body == "good");
  client.send(request("GET"));
  CHECK(read_response(client).body == "own");
  CHECK(origin.request_count() == 2);
}

TEST_CASE("a connection is not used again after an answer that came before the whole request") {
  const std::string half(50'000, 'x');
  std::atomic<bool> body_came{false};
  Origin origin([&](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + half);
    socket.read_until("0\r\n\r\n");  // the body is complete before the answer is
    body_came = true;
    socket.send(half);
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(
      "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.read_until(half);
  client.send("2\r\nhi\r\n0\r\n\r\n");
  wait_until([&] { return body_came.load(); });
  client.read_until(half);
  wait_until([&] { return origin.open_count() == 0; });
  wait_until([&] { return gateway.counters(0).open_connections == 0; });
}

struct Stray {
  const char* why;
  std::string method;
  std::string answer;
  std::string follows;  // once the client has its answer; nothing: the worker closes
  bool is_trusted;
};

[[maybe_unused]] const bool distrusted = each_row_is_a_case<Stray>(
    "a worker that says more than it was asked for has each request on a connection of its own",
    {
        {"a body behind the answer to HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
         "evil", false},
        {"a body behind 204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", "evil", false},
        {"a body behind 304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n",
         "evil", false},
        {"a second answer", "POST", ok("good"), evil, false},
        {"more than Content-Length says", "GET", ok("good") + "evil", "", false},
        {"a body with the answer to HEAD", "HEAD", ok("good"), "", false},
        {"a close", "GET", ok("good"), "", true},
    },
    [](const Stray& row) {
      std::atomic<bool> answered{false};
      Origin origin([&](Origin& self, RawSocket& socket) {
        self.receive(socket);
        if (self.connection_count() > 1) {
          for (;; self.receive(socket)) socket.send(ok("own"));
        }
        socket.send(row.answer);
        wait_until([&] { return answered.load(); });
        if (row.follows.empty()) return;
        socket.send(row.follows);
        socket.wait_for_hang_up();
      });
      Gateway gateway({origin.port()});
      auto client = gateway.connect();
      client.send(request(row.method));
      CHECK(read_response(client, row.method == "HEAD").status() < 400);
      answered = true;
      wait_until([&] { return origin.open_count() == 0; });
      wait_until([&] { return gateway.counters(0).open_connections == 0; });
      for (std::size_t i = 1; i <= 3; ++i) {
        client.send(request("POST"));
        CHECK(read_response(client).body == "own");
        CHECK(origin.connection_count() == (row.is_trusted ? 2 : 1 + i));
      }
    },
    CATCH_INTERNAL_LINEINFO);

TEST_CASE(
    "what is left of an answer, and is no answer to the next request, ends the trust as well") {
  Origin origin([&](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send(ok("own"));
    self.receive(socket);
    if (self.connection_count() > 1) return;
    socket.send("2bc\r\n\r\n");
    socket.wait_for_hang_up();
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(request("POST"));
  CHECK(read_response(client).body == "own");
  client.send(request("POST"));
  CHECK(read_response(client).status() == 502);
  for (std::size_t i = 1; i <= 3; ++i) {
    client.send(request("POST"));
    CHECK(read_response(client).body == "own");
    CHECK(origin.connection_count() == 1 + i);
  }
}

TEST_CASE("an answer that is refused costs its own connection, and no others") {
  Origin origin([&](Origin& self, RawSocket& socket) {
    const bool is_first = self.connection_count() == 1;
    for (int i = 0;; ++i) {
      self.receive(socket);
      const bool is_refused = is_first && i == 1;
      socket.send(is_refused ? "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
                             : ok("own"));
      if (is_refused) return socket.wait_for_hang_up();
    }
  });
  Gateway gateway({origin.port()});
  auto client = gateway.connect();
  client.send(request("POST"));
  CHECK(read_response(client).body == "own");
  client.send(request("POST"));
  CHECK(read_response(client).status() == 502);
  for (int i = 0; i < 3; ++i) {
    client.send(request("POST"));
    CHECK(read_response(client).body == "own");
    CHECK(origin.connection_count() == 2);
  }
}

TEST_CASE("an answer to HEAD needs no Content-Length to keep the connection (RFC 9112 §6.3)") {
  for (const std::string head :
       {"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: x\r\n\r\n"}) {
    INFO(head);
    Origin origin(always(head));
    Gateway gateway({origin.port()});
    auto client = gateway.connect();
    for (int i = 0; i < 3; ++i) {
      client.send(request("HEAD"));
      CHECK(read_response(client, true).status() == 200);
    }
    CHECK(origin.connection_count() == 1);
  }
}

}  // namespace tandem::test::idle_connection_test
