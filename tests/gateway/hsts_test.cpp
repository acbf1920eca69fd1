// Strict-Transport-Security (RFC 6797) of a gateway: over TLS alone, and once.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "cluster.hpp"
#include "gateway.hpp"
#include "h2_client.hpp"
#include "test_certificates.hpp"
#include "tls_client.hpp"

namespace tandem::test::hsts_test {
namespace {

constexpr auto name = "Strict-Transport-Security";
constexpr auto policy = "max-age=300; includeSubDomains";

Gateway::Options with_hsts() {
  Gateway::Options options;
  options.certificates = some_certificate();
  options.hsts = policy;
  return options;
}

Message ask_over_tls(const Gateway& gateway, const std::string& request) {
  TlsClient client(gateway.tls_port());
  client.socket().send(request);
  return read_response(client.socket());
}

}  // namespace

TEST_CASE("answers over TLS have HSTS, those of workers and our own, and no others") {
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()}, with_hsts());
  CHECK(ask_over_tls(gateway, get("/")).field(name) == policy);
  CHECK(gateway.ask(get("/")).count(name) == 0);
  const std::string bad = "GET / HTTP/1.1\r\n\r\n";
  const auto refused = ask_over_tls(gateway, bad);
  CHECK(refused.status() == 400);
  CHECK(refused.field(name) == policy);
  CHECK(gateway.ask(bad).count(name) == 0);
  const std::string trace = "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n";
  CHECK(ask_over_tls(gateway, trace).field(name) == policy);
  CHECK(gateway.ask(trace).count(name) == 0);
}

TEST_CASE("answers of HTTP/2 over TLS have HSTS") {
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()}, with_hsts());
  TlsClient tls(gateway.tls_port(), {.protocols = {"h2"}});
  H2Client client(tls.take_socket());
  CHECK(client.get("/").field("strict-transport-security") == policy);
  H2Client plain(gateway.port());
  CHECK(plain.get("/").field("strict-transport-security").empty());
}

TEST_CASE("a worker that has a policy of its own keeps it") {
  Origin worker(
      always("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nstrict-transport-security: "
             "max-age=1\r\n\r\n"));
  Gateway gateway({worker.port()}, with_hsts());
  const auto answer = ask_over_tls(gateway, get("/"));
  CHECK(answer.count(name) == 1);
  CHECK(answer.field(name) == "max-age=1");
}

TEST_CASE(
    "a client of a trusted proxy has HSTS when that says https, and a stranger's word counts "
    "nothing") {
  Origin worker(always(ok("worker")));
  const std::string told = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n";
  auto options = with_hsts();
  CHECK(Gateway({worker.port()}, options).ask(told).count(name) == 0);
  options.trusted_proxies = {"127.0.0.1"};
  CHECK(Gateway({worker.port()}, options).ask(told).field(name) == policy);
}

TEST_CASE("an answer that a standby passes on has HSTS once") {
  Origin worker(always(ok("worker")));
  auto options = with_hsts();
  options.pass = "pass-of-a";
  Gateway primary({worker.port()}, options);
  Gateway standby({}, with_hsts());
  standby.follow("a", primary.port(), "pass-of-a");
  const auto answer = ask_over_tls(standby, get("/"));
  CHECK(answer.body == "worker");
  CHECK(answer.count(name) == 1);
  CHECK(standby.ask(get("/")).count(name) == 0);
}

}  // namespace tandem::test::hsts_test
