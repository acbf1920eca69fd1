// What must not be sent again and is at a master that has just handed over: it is waited for as
// long as that master lives.
#include <catch2/catch.hpp>

#include "cluster.hpp"

namespace tandem::test::former_primaries_test {
namespace {

// A primary that works on each request until it is told to answer, and answers at once what a
// master answers by itself.
struct BusyPrimary {
  std::atomic<bool> go{false};
  std::atomic<int> questions{0};
  Origin origin{[this](Origin& self, RawSocket& socket) {
    if (self.receive(socket).head.starts_with("OPTIONS * ")) {
      ++questions;
      return socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    wait_until([&] { return go.load(); });
    socket.send(ok("executed"));
  }};
};

struct Standby {
  explicit Standby(std::uint16_t primary) : gateway({worker.port()}) {
    gateway.follow("old", primary, "pass");
    client = gateway.connect();
  }
  Origin worker{always(ok("served here"))};
  Gateway gateway;
  RawSocket client;
};

}  // namespace

TEST_CASE("a primary that handed over is waited for as long as it shows signs of life") {
  BusyPrimary old;
  Standby standby(old.origin.port());
  standby.client.send(post("once"));
  wait_until([&] { return old.origin.request_count() == 1; });
  standby.gateway.lead(3);
  wait_until([&] { return old.questions >= 3; });
  old.go = true;
  CHECK(read_response(standby.client).body == "executed");
  CHECK(standby.worker.request_count() == 0);
}

TEST_CASE("a request that has had its attempts is waited for, whatever its method") {
  BusyPrimary old;
  Standby standby(old.origin.port());
  standby.gateway.set({"attempts=1"});
  standby.gateway.settle();
  standby.client.send(get("/"));
  wait_until([&] { return old.origin.request_count() == 1; });
  standby.gateway.lead(3);
  wait_until([&] { return old.questions >= 1; });
  old.go = true;
  CHECK(read_response(standby.client).body == "executed");
  CHECK(standby.worker.request_count() == 0);
}

TEST_CASE("many requests at a primary that handed over ask it one question at a time") {
  BusyPrimary old;
  Standby standby(old.origin.port());
  std::vector<RawSocket> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(standby.gateway.connect());
    clients.back().send(post("once"));
  }
  wait_until([&] { return old.origin.request_count() == 20; });
  standby.gateway.lead(3);
  wait_until([&] { return old.questions >= 2; });
  old.go = true;
  for (auto& client : clients) CHECK(read_response(client).body == "executed");
  CHECK(old.questions <= 3);
}

TEST_CASE("a primary that drains has closed its listener, and is waited for all the same") {
  BusyPrimary old;
  Standby standby(old.origin.port());
  standby.client.send(post("once"));
  wait_until([&] { return old.origin.request_count() == 1; });
  old.origin.stop_listening();
  standby.gateway.lead(3);
  CHECK(standby.client.stays_silent(1'500));
  old.go = true;
  CHECK(read_response(standby.client).body == "executed");
  CHECK(standby.worker.request_count() == 0);
}

TEST_CASE("a loop ends while a former primary is asked") {
  Origin old(frozen());
  Standby standby(old.port());
  standby.client.send(post("once"));
  wait_until([&] { return old.request_count() == 1; });
  standby.gateway.lead(3);
  wait_until([&] { return old.connection_count() == 2; });
}

}  // namespace tandem::test::former_primaries_test
