// In the steady state a forwarded request takes nothing from the heap: frames, buffers and heads
// come from the loop's pools, which have grown to what the traffic needs.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "allocation_count.hpp"
#include "gateway.hpp"
#include "h2_client.hpp"
#include "master/forward/access_log/log.hpp"

namespace tandem::test::allocation_test {
namespace {

constexpr int warm_up = 200;
constexpr int measured = 2000;
constexpr int windows_max = 20;

// 630 bytes, as a browser sends them.
std::string browser_head() {
  std::string head =
      "GET /shop/items?id=42&sort=price HTTP/1.1\r\n"
      "Host: shop.example.org\r\n"
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0\r\n"
      "Accept: "
      "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
      "Accept-Language: en-US,en;q=0.5\r\n"
      "Accept-Encoding: gzip, deflate, br\r\n"
      "Referer: https://shop.example.org/shop\r\n"
      "Connection: keep-alive\r\n"
      "Upgrade-Insecure-Requests: 1\r\n"
      "Sec-Fetch-Dest: document\r\n"
      "Sec-Fetch-Mode: navigate\r\n"
      "Sec-Fetch-Site: same-origin\r\n"
      "Sec-Fetch-User: ?1\r\n"
      "Cookie: session=";
  const std::string end = "\r\n\r\n";
  head.append(630 - head.size() - end.size(), 'c');
  return head + end;
}

// Allocations of the loop while one client asks again and again and reads each answer:
// those of the first window that has none, else of the last. What is made once in the background,
// as a table of consistent_hash, may be adopted in one of the first.
template <class Ask>
std::size_t allocations(Ask ask) {
  const auto rounds = [&](int count) {
    for (int round = 0; round < count; ++round) ask();
  };
  rounds(warm_up);
  std::size_t count = 1;
  for (int window = 0; window < windows_max && count > 0; ++window) {
    start_counting();
    rounds(measured);
    count = stop_counting();
  }
  return count;
}

// The same of `request`, over HTTP/1.
std::size_t allocations(const Gateway& gateway, std::string_view request) {
  auto client = gateway.connect();
  return allocations([&] {
    client.send(request);
    REQUIRE(read_response(client).status() == 200);
  });
}

const std::string chunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n";

}  // namespace

TEST_CASE("a request of a browser is forwarded without taking anything from the heap") {
  Origin origin(always(ok(std::string(128, 'x'))));
  Gateway gateway({origin.port()});
  const auto head = browser_head();
  REQUIRE(head.size() == 630);
  const auto count = allocations(gateway, head);
  INFO(allocation_sites());
  CHECK(count == 0);
}

TEST_CASE("a request takes nothing from the heap while an access log is kept") {
  Origin origin(always(ok("x")));
  auto log = tandem::master::AccessLog::open({.path = "/dev/null"}, 1);
  REQUIRE(log.ok());
  Gateway gateway({origin.port()}, {.access_log = log->get()});
  const auto count = allocations(gateway, browser_head());
  INFO(allocation_sites());
  CHECK(count == 0);
}

TEST_CASE("a request with a body, among several workers, takes nothing from the heap") {
  Origin one(always(ok("one")));
  Origin two(always(ok("two")));
  Gateway gateway({one.port(), two.port()});
  const auto count = allocations(
      gateway,
      "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nX-Request-Id: 7\r\n\r\nhello world");
  INFO(allocation_sites());
  CHECK(count == 0);
}

TEST_CASE("chunked requests and chunked responses take nothing from the heap") {
  Origin origin(always(chunked));
  Gateway gateway({origin.port()});
  const auto count = allocations(
      gateway,
      "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  INFO(allocation_sites());
  CHECK(count == 0);
}

TEST_CASE("a response that is larger than a buffer takes nothing from the heap") {
  Origin origin(always(ok(std::string(100'000, 'x'))));
  Gateway gateway({origin.port()});
  const auto count = allocations(gateway, get("/large"));
  INFO(allocation_sites());
  CHECK(count == 0);
}

TEST_CASE("a request to a Tandem worker, which is sent the term, takes nothing from the heap") {
  Origin origin(always(ok("x")));
  Gateway gateway({origin.port()}, {.workers_accept_terms = true});
  const auto count = allocations(gateway, browser_head());
  INFO(allocation_sites());
  CHECK(count == 0);
}

TEST_CASE(
    "with any policy, sticky cookies and a rate limit a request takes nothing from the heap") {
  Origin one(always(ok("one")));
  Origin two(always(ok("two")));
  for (const auto* policy : {"p2c", "random", "least_connections", "first_available",
                             "consistent_hash:header=user-agent", "consistent_hash:path"}) {
    INFO(policy);
    Gateway gateway({one.port(), two.port()},
                    {.policy = *tandem::wire::parse_policy(policy, "policy"),
                     .sticky = "route",
                     .rate_limit = {.per_second = 1e6, .burst = 1e6}});
    const auto count = allocations(gateway, browser_head());
    INFO(allocation_sites());
    CHECK(count == 0);
  }
}

TEST_CASE("a request behind a stripped route, and its answer, take nothing from the heap") {
  Origin origin(always(
      "HTTP/1.1 200 OK\r\nContent-Location: /b\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: "
      "0\r\n\r\n"));
  Gateway gateway({});
  gateway.publish({{"shop", origin.port()}}, {"/shop=shop,strip"});
  const auto count = allocations(gateway, get("/shop/a"));
  INFO(allocation_sites());
  CHECK(count == 0);
}

TEST_CASE("a request that is passed on to the primary takes nothing from the heap") {
  Origin primary(always(ok("x")));
  Gateway standby({});
  standby.follow("a", primary.port(), "pass");
  const auto count = allocations(standby, browser_head());
  INFO(allocation_sites());
  CHECK(count == 0);
}

TEST_CASE("these tests count what a loop takes from the heap") {
  Gateway gateway({});
  auto client = gateway.connect();
  start_counting();
  client.send(get("/"));
  REQUIRE(read_response(client).status() == 503);  // its document is built as JSON
  CHECK(stop_counting() > 0);
}

TEST_CASE("a request over HTTP/2 takes nothing from the heap, with or without a body") {
  Origin origin(always(ok(std::string(128, 'x'))));
  Gateway gateway({origin.port()});
  H2Client client(gateway.port());
  const auto get = allocations([&] { REQUIRE(client.get("/a").status() == 200); });
  INFO(allocation_sites());
  CHECK(get == 0);
  const auto post = allocations([&] {
    const auto stream = client.ask_with(h2::post({{"x-mine", "1"}}), "hello");
    REQUIRE(client.finish(stream).status() == 200);
  });
  INFO(allocation_sites());
  CHECK(post == 0);
}

}  // namespace tandem::test::allocation_test
