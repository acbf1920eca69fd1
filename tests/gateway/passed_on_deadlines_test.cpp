// Deadlines of clients that ask a standby: the primary has no more time than the client gave.
#include <catch2/catch.hpp>

#include <string>

#include "gateway.hpp"
#include "h2_client.hpp"

namespace tandem::test::passed_on_deadlines_test {

namespace {

h2::Fields call(const std::string& timeout) {
  return {{":method", "POST"},      {":scheme", "http"}, {":path", "/a.B/C"},
          {":authority", "a"},      {"te", "trailers"},  {"content-type", "application/grpc"},
          {"grpc-timeout", timeout}};
}

// A primary in front of a worker that answers everything, and a standby.
struct Pair {
  Pair() { standby.follow("a", primary.port(), "pass-of-a"); }

  Origin worker{always(ok("x"))};
  Gateway primary{{worker.port()}, {.node = "a", .pass = "pass-of-a"}};
  Gateway standby{{worker.port()}, {.node = "b"}};
};

}  // namespace

TEST_CASE("the longest deadline is served through a standby, and does not grow on the way") {
  Pair pair;
  for (int i = 0; i < 10; ++i) {
    const auto answer =
        pair.standby.ask("GET / HTTP/1.1\r\nHost: a\r\nTandem-Timeout-Ms: 86400000\r\n\r\n");
    CHECK(answer.status() == 200);
  }
  for (int i = 0; i < 10; ++i) {
    pair.standby.ask("GET / HTTP/1.1\r\nHost: a\r\nTandem-Timeout-Ms: 60000\r\n\r\n");
    CHECK(std::stol(pair.worker.requests().back().field("Tandem-Timeout-Ms")) <= 60'000);
  }
}

TEST_CASE("gRPC: a deadline beyond a day is served, by the primary and through a standby") {
  Pair pair;
  for (auto* gateway : {&pair.primary, &pair.standby}) {
    H2Client client(gateway->port());
    for (const auto* timeout : {"24H", "25H", "99999999H", "99999999M"}) {
      INFO(timeout);
      const auto stream = client.ask(call(timeout), false);
      client.send(h2::data(stream, std::string(5, '\0'), h2::end_stream));
      CHECK(client.finish(stream).status() == 200);
      const auto left = pair.worker.requests().back().field("grpc-timeout");
      REQUIRE(left.ends_with("m"));
      CHECK(std::stol(left) <= 86'400'000);
    }
  }
}

TEST_CASE("gRPC: a deadline does not grow on its way through a standby") {
  Pair pair;
  H2Client client(pair.standby.port());
  for (int i = 0; i < 10; ++i) {
    const auto stream = client.ask(call("60S"), false);
    client.send(h2::data(stream, std::string(5, '\0'), h2::end_stream));
    CHECK(client.finish(stream).status() == 200);
    CHECK(std::stol(pair.worker.requests().back().field("grpc-timeout")) <= 60'000);
  }
}

}  // namespace tandem::test::passed_on_deadlines_test
