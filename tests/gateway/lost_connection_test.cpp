// A worker that breaks off a connection has failed a request; one that refuses the next is dead.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include <catch2/catch.hpp>

#include "cluster.hpp"

namespace tandem::test::lost_connection_test {

using namespace std::chrono_literals;

namespace {

// Resets where the target says so, and answers everything else.
Origin::Script poisonable() {
  return [](Origin& self, RawSocket& socket) {
    while (self.receive(socket).start_line().find("/poison") == std::string::npos) {
      socket.send(ok("well"));
    }
    socket.reset();
  };
}

// Listens, and accepts nobody: whoever connects waits.
class FullListener {
 public:
  FullListener() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(::listen(listener_, 0) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
    for (auto& each : fillers_) {
      each = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      ::connect(each, reinterpret_cast<sockaddr*>(&address), length);
    }
  }
  ~FullListener() {
    for (const int each : fillers_) ::close(each);
    ::close(listener_);
  }
  std::uint16_t port() const { return port_; }

 private:
  int listener_ = -1;
  std::uint16_t port_ = 0;
  int fillers_[4] = {-1, -1, -1, -1};
};

}  // namespace

TEST_CASE("a request that makes every worker break off takes none of them from others") {
  std::vector<std::unique_ptr<Origin>> origins;
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 3; ++i) {
    origins.push_back(std::make_unique<Origin>(poisonable()));
    ports.push_back(origins.back()->port());
  }
  Gateway gateway(ports);
  for (int i = 0; i < 5; ++i) {
    CHECK(gateway.ask(get("/poison")).status() == 502);
    for (int other = 0; other < 6; ++other) CHECK(gateway.ask(get("/")).body == "well");
  }
  CHECK(gateway.reported_failures() == 0);
  for (std::size_t i = 0; i < 3; ++i) CHECK_FALSE(gateway.counters(i).suspect);
}

TEST_CASE("the only worker of a service is never refused to others, and its failure is a 502") {
  Origin only(poisonable());
  Gateway gateway({only.port()});
  for (int i = 0; i < 7; ++i) {
    const auto answer = gateway.ask(get("/poison"));
    CHECK(answer.status() == 502);
    CHECK(code_of(answer) == "bad_gateway");
    CHECK(gateway.ask(get("/")).body == "well");
  }
  CHECK(gateway.reported_failures() == 0);
}

TEST_CASE("a worker that breaks off and refuses the next connection is suspect by itself") {
  Origin dying([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    self.stop_listening();
  });
  Gateway gateway({dying.port()});
  CHECK(gateway.ask(get("/")).status() == 502);
  wait_until([&] { return gateway.counters(0).suspect.load(); });
  CHECK(gateway.reported_failures() == 1);
}

TEST_CASE("a worker that breaks off and does not answer the next connection in time is suspect") {
  FullListener full;
  Gateway gateway({full.port()}, {.timeouts = {.connect = 50ms, .queue_wait = 50ms}});
  CHECK(gateway.ask(get("/")).status() == 503);
  CHECK(gateway.reported_failures() == 1);
}

TEST_CASE("an attempt that the request's own deadline ends while it connects blames no worker") {
  FullListener full;
  Gateway gateway({full.port()}, {.timeouts = {.connect = 1h}});
  gateway.set({"request_timeout=100ms"});
  gateway.settle();
  CHECK(gateway.ask(get("/")).status() == 504);
  CHECK(gateway.reported_failures() == 0);
  CHECK_FALSE(gateway.counters(0).suspect);
}

TEST_CASE("a request that finds nobody waits for a suspect that may be back in its time") {
  Origin origin(always(ok("back")));
  Gateway gateway({origin.port()}, {.timeouts = {.queue_wait = 1h}});
  gateway.hold_suspect(0, 100ms);
  gateway.settle();
  auto client = gateway.connect();
  client.send(get("/"));
  wait_until([&] { return gateway.waiting() == 1; });
  gateway.publish({origin.port()});
  CHECK(read_response(client).body == "back");
}

TEST_CASE("a request that finds nobody does not wait for a suspect that is held for longer") {
  Origin origin(always(ok("back")));
  Gateway gateway({origin.port()}, {.timeouts = {.queue_wait = 1h}});
  gateway.hold_suspect(0, 2h);
  gateway.settle();
  const auto answer = gateway.ask(get("/"));
  CHECK(answer.status() == 503);
  CHECK(code_of(answer) == "no_worker");
}

TEST_CASE("a request that waits for a suspect in vain is answered that no worker is there") {
  Origin origin(always(ok("back")));
  Gateway gateway({origin.port()}, {.timeouts = {.queue_wait = 100ms}});
  gateway.hold_suspect(0, 10ms);
  gateway.settle();
  const auto answer = gateway.ask(get("/"));
  CHECK(answer.status() == 503);
  CHECK(code_of(answer) == "no_worker");
  CHECK(answer.field("Retry-After") == "1");
}

TEST_CASE("a request that a worker refused is sent to it again once it is back") {
  Origin origin(always(ok("back")));
  FullListener full;
  Gateway gateway({full.port()}, {.timeouts = {.connect = 50ms, .queue_wait = 1h}});
  auto client = gateway.connect();
  client.send(get("/"));
  wait_until([&] { return gateway.waiting() == 1; });
  gateway.publish({origin.port()});
  CHECK(read_response(client).body == "back");
}

}  // namespace tandem::test::lost_connection_test
