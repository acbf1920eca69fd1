// What a client sees that sends too much.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "gateway.hpp"

namespace tandem::test::rate_limit_test {

using tandem::wire::KeySource;

namespace {

std::string get_with(std::string_view field) {
  return fmt::format("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n\r\n", field);
}

}  // namespace

TEST_CASE("a request beyond the limit is answered 429 with Retry-After, and no worker sees it") {
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

TEST_CASE("a client behind a proxy is one, with whatever port and in whatever form it is told") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.rate_limit = {.per_second = 0.01, .burst = 1},
                                    .trusted_proxies = {"127.0.0.1"}});
  const auto status = [&](std::string_view client) {
    return gateway.ask(get_with(fmt::format("X-Forwarded-For: {}", client))).status();
  };
  CHECK(status("192.0.2.7") == 200);
  for (const auto* same : {"192.0.2.7:1234", "::ffff:192.0.2.7", "[::ffff:192.0.2.7]:80",
                           "192.0.2.7\r\nX-Forwarded-For:"}) {
    CHECK(status(same) == 429);
  }
  CHECK(status("2001:db8::1") == 200);
  for (const auto* same : {"[2001:db8::1]", "[2001:db8::1]:443", "2001:DB8:0::1"}) {
    CHECK(status(same) == 429);
  }
  CHECK(status("unknown") == 200);
}

TEST_CASE("a stranger's X-Forwarded-For earns no limit of its own") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.rate_limit = {.per_second = 0.01, .burst = 1}});
  CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n").status() ==
        429);
}

TEST_CASE("with a header as the key each of its values has a limit, whoever sends it") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()},
                  {.threads = 2,
                   .rate_limit = {.per_second = 0.01,
                                  .burst = 2,
                                  .key = {.source = KeySource::header, .name = "X-Api-Key"}}});
  for (const auto* key : {"one", "two", "2001:db8::1"}) {
    INFO(key);
    CHECK(gateway.ask(get_with(fmt::format("X-Api-Key: {}", key))).status() == 200);
    CHECK(gateway.ask(get_with(fmt::format("x-api-key: {}", key))).status() == 200);
    const auto refused = gateway.ask(get_with(fmt::format("X-Api-Key: {}", key)));
    CHECK(refused.status() == 429);
    CHECK(std::stoi(refused.field("Retry-After")) > 0);
  }
  CHECK(origin.request_count() == 6);
}

TEST_CASE("a client without that header is known by its address, which no header can use up") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()},
                  {.rate_limit = {.per_second = 0.01,
                                  .burst = 1,
                                  .key = {.source = KeySource::header, .name = "X-Api-Key"}}});
  CHECK(gateway.ask(get_with("X-Api-Key: 127.0.0.1")).status() == 200);
  CHECK(gateway.ask(get_with("X-Api-Key: 127.0.0.1")).status() == 429);
  CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(gateway.ask(get("/")).status() == 429);
  CHECK(gateway.ask(get_with("X-Api-Key:")).status() == 429);  // empty is none
  CHECK(gateway.ask(get_with("X-Api-Key: another")).status() == 200);
}

TEST_CASE("with a cookie as the key each of its values has a limit") {
  Origin origin(always(ok("x")));
  Gateway gateway(
      {origin.port()},
      {.rate_limit = {
           .per_second = 0.01, .burst = 1, .key = {.source = KeySource::cookie, .name = "sid"}}});
  for (const auto* session : {"one", "two"}) {
    const auto request = get_with(fmt::format("Cookie: theme=dark; sid={}", session));
    CHECK(gateway.ask(request).status() == 200);
    CHECK(gateway.ask(request).status() == 429);
  }
  CHECK(gateway.ask(get_with("Cookie: theme=dark")).status() == 200);
  CHECK(gateway.ask(get_with("Cookie: theme=light")).status() == 429);
}

TEST_CASE("without --rate-limit nobody is refused") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()});
  for (int i = 0; i < 200; ++i) REQUIRE(gateway.ask(get("/")).status() == 200);
}

}  // namespace tandem::test::rate_limit_test
