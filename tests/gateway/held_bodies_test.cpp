// Bodies that are too large to be kept, passed on by a standby: held back until the primary says
// that a worker takes the request, so that a refusal by one that has just stepped down costs
// nothing.
#include <atomic>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "cluster.hpp"
#include "h2_frames.hpp"
#include "master/forward/exchange/limits.hpp"

namespace tandem::test::held_bodies_test {
namespace {

constexpr auto go_on = "HTTP/1.1 100 Continue\r\n\r\n";
const std::string large(300'000, 'x');

std::string put(std::string_view body) {
  return fmt::format("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{}", body.size(),
                     body);
}

std::string chunked_post(std::string_view body) {
  return fmt::format(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
      body.size(), body);
}

struct Standby {
  explicit Standby(std::uint16_t primary) : gateway({worker.port()}) {
    gateway.follow("old", primary, "pass");
    client = gateway.connect();
  }
  Origin worker{always(ok("served here"))};
  Gateway gateway;
  RawSocket client;
};

// What a primary that has stepped down says, to heads whose bodies it does not wait for; counts
// those that are held back.
Origin::Script refuses_heads(std::atomic<int>& held) {
  return [&held](Origin&, RawSocket& socket) {
    const auto head = socket.read_until("\r\n\r\n");
    if (head.find("\r\nTandem-Expect: 100-continue\r\n") != head.npos) ++held;
    socket.send(not_primary());
    socket.wait_for_hang_up();
  };
}

}  // namespace

TEST_CASE("a large POST that a former primary refused is executed once by its successor") {
  for (const auto& request : {post(large), chunked_post(large)}) {
    std::atomic<int> held{0};
    Origin old(refuses_heads(held));
    Standby standby(old.port());
    standby.client.send(request);
    wait_until([&] { return held >= 1; });
    standby.gateway.lead(3);
    CHECK(read_response(standby.client).body == "served here");
    REQUIRE(standby.worker.request_count() == 1);
    CHECK(standby.worker.requests()[0].body == large);
    CHECK(standby.worker.requests()[0].field("Tandem-Expect").empty());
  }
}

TEST_CASE("a body that is kept is not held back") {
  Origin old(always(ok("there")));
  Standby standby(old.port());
  standby.client.send(post("short"));
  CHECK(read_response(standby.client).body == "there");
  CHECK(old.requests().at(0).field("Tandem-Expect").empty());
  CHECK(old.requests().at(0).body == "short");
}

TEST_CASE("a large PUT that is held back from a frozen primary is served by the next") {
  Origin old([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.wait_for_hang_up();
  });
  Standby standby(old.port());
  standby.client.send(put(large));
  wait_until([&] { return old.connection_count() == 1; });
  standby.gateway.lead(3);
  CHECK(read_response(standby.client).body == "served here");
  CHECK(standby.worker.request_count() == 1);
}

TEST_CASE("a primary that never says to continue gets the body all the same") {
  Origin old([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send(ok("there"));
  });
  Standby standby(old.port());
  standby.client.send(post(large));
  CHECK(read_response(standby.client).body == "there");
  CHECK(old.requests().at(0).body == large);
}

TEST_CASE("an answer that comes before the body was asked for is passed on") {
  Origin old([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n");
    socket.wait_for_hang_up();
  });
  Standby standby(old.port());
  standby.client.send(post(large));
  const auto answer = read_response(standby.client);
  CHECK(answer.status() == 413);
  CHECK(answer.body == "no\n");
  wait_until([&] { return old.open_count() == 0; });
}

TEST_CASE("a client that leaves while its body is held back ends the request at the primary") {
  Origin old([](Origin&, RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.wait_for_hang_up();
  });
  Standby standby(old.port());
  standby.client.send(post(large));
  wait_until([&] { return old.connection_count() == 1; });
  standby.client.reset();
  wait_until([&] { return old.open_count() == 0; });
}

TEST_CASE("a primary tells a standby to continue when it has sent a worker the head") {
  std::string head;
  Origin worker([&](Origin&, RawSocket& socket) {
    head = socket.read_until("\r\n\r\n");
    socket.read_exactly(large.size());
    socket.send(ok("whole"));
  });
  Gateway primary({worker.port()}, {.pass = "pass"});
  auto standby = primary.connect();
  standby.send(
      fmt::format("POST / HTTP/1.1\r\nHost: a\r\nTandem-Pass: pass\r\nTandem-Expect: "
                  "100-continue\r\nContent-Length: {}\r\n\r\n",
                  large.size()));
  CHECK(standby.read_until("\r\n\r\n") == go_on);
  standby.send(large);
  CHECK(read_response(standby).body == "whole");
  CHECK(head.find("xpect") == head.npos);
}

TEST_CASE("nobody but a standby is told to continue for a field of the masters") {
  Origin worker(always(ok("whole")));
  Gateway gateway({worker.port()}, {.pass = "pass"});
  for (const auto* pass : {"", "Tandem-Pass: wrong\r\n"}) {
    auto client = gateway.connect();
    client.send(
        fmt::format("POST / HTTP/1.1\r\nHost: a\r\n{}Tandem-Expect: 100-continue\r\n"
                    "Content-Length: 2\r\n\r\nhi",
                    pass));
    CHECK(client.read_until("\r\n").starts_with("HTTP/1.1 200"));
  }
}

TEST_CASE("a large body passes through a standby and its primary as it is") {
  Origin worker([](Origin& self, RawSocket& socket) {
    for (;;) {
      const auto request = self.receive(socket);
      socket.send(ok(request.body));
    }
  });
  Gateway primary({worker.port()}, {.pass = "pass"});
  Gateway standby({worker.port()});
  standby.follow("primary", primary.port(), "pass");
  auto client = standby.connect();
  for (const auto& request : {post(large), chunked_post(large), post("short"), put(large)}) {
    client.send(request);
    const auto answer = read_response(client);
    CHECK(answer.status() == 200);
    CHECK(answer.body.size() == (request.size() > 1'000 ? large.size() : 5));
  }
}

}  // namespace tandem::test::held_bodies_test
