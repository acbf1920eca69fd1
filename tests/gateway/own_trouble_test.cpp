// When this process has no descriptors left: nobody else is blamed for it.
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "cluster.hpp"

namespace tandem::test::own_trouble_test {

using namespace std::chrono_literals;

namespace {

// No descriptor can be opened while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int next = dup(0);
    REQUIRE(next >= 0);
    ::close(next);
    auto none = before_;
    none.rlim_cur = static_cast<rlim_t>(next);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

// Has been accepted, and has asked no worker for anything.
RawSocket connected(Gateway& gateway) {
  auto client = gateway.connect();
  client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
  REQUIRE(read_response(client).status() == 200);
  return client;
}

}  // namespace

TEST_CASE("a master without descriptors says so, and blames no worker") {
  Origin one(always(ok("x"))), two(always(ok("x")));
  Gateway gateway({one.port(), two.port()}, {.timeouts = {.queue_wait = 100ms}});
  auto client = connected(gateway);
  {
    NoDescriptors none;
    client.send(get("/"));
    const auto answer = read_response(client);
    CHECK(answer.status() == 503);
    CHECK(code_of(answer) == "out_of_resources");
    CHECK(answer.field("Retry-After") == "1");
  }
  CHECK(gateway.reported_failures() == 0);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK_FALSE(gateway.counters(i).suspect);
    CHECK(gateway.counters(i).failures == 0);
    CHECK(gateway.counters(i).open_connections == 0);
  }
  client.send(get("/"));
  CHECK(read_response(client).status() == 200);
}

TEST_CASE("a request waits in its time for the descriptor that its worker needs") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.timeouts = {.queue_wait = 1h}});
  auto client = connected(gateway);
  {
    NoDescriptors none;
    client.send(get("/"));
    CHECK(client.stays_silent(100));
  }
  CHECK(read_response(client).status() == 200);
}

}  // namespace tandem::test::own_trouble_test
