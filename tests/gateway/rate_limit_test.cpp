// What a client sees that sends too much.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "gateway.hpp"

using namespace tandem::test;

TEST_CASE("who sends more than allowed is answered 429 with Retry-After, and no worker sees it") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.threads = 2, .rate_limit = {.per_second = 0.01, .burst = 3}});
  for (int i = 0; i < 3; ++i) CHECK(gateway.ask(get("/")).status() == 200);
  for (int i = 0; i < 5; ++i) {
    const auto answer = gateway.ask(get("/"));
    CHECK(answer.status() == 429);
    CHECK(std::stoi(answer.field("Retry-After")) > 0);
    CHECK(answer.body.find("too_many_requests") != std::string::npos);
  }
  CHECK(origin.request_count() == 3);
}

TEST_CASE("a body that nobody is going to read does not hold up the 429") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.rate_limit = {.per_second = 0.01, .burst = 1}});
  CHECK(gateway.ask(get("/")).status() == 200);
  auto client = gateway.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nsome of it");
  CHECK(read_response(client).status() == 429);
}

TEST_CASE("behind a proxy of ours each of its clients has a limit of its own") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.rate_limit = {.per_second = 0.01, .burst = 1},
                                    .trusted_proxies = {"127.0.0.1"}});
  for (int client = 1; client <= 10; ++client) {
    const auto request = fmt::format(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7, 198.51.100.{}\r\n\r\n", client);
    CHECK(gateway.ask(request).status() == 200);
    CHECK(gateway.ask(request).status() == 429);
  }
}

TEST_CASE("a stranger's X-Forwarded-For earns no limit of its own") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.rate_limit = {.per_second = 0.01, .burst = 1}});
  CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n").status() ==
        429);
}

TEST_CASE("without --rate-limit nobody is refused") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  for (int i = 0; i < 200; ++i) REQUIRE(gateway.ask(get("/")).status() == 200);
}
