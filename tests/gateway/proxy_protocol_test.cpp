// --proxy-protocol: load balancers that say first whose connection they pass on.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "cluster.hpp"
#include "gateway.hpp"
#include "h2_client.hpp"
#include "test_certificates.hpp"
#include "tls_client.hpp"

namespace tandem::test::proxy_protocol_test {
namespace {

const std::string line = "PROXY TCP4 192.0.2.7 10.0.0.1 1234 80\r\n";
const std::string binary =
    std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x09\x0a\0\0\x01\x04\xd2\x01\xbb", 28);
const std::string local = std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);

std::string tlv(int type, const std::string& value) {
  return std::string{static_cast<char>(type), '\0', static_cast<char>(value.size())} + value;
}

// From 192.0.2.9, who had come to port 443 by TLS, and whose certificate was verified if it has a
// name.
std::string by_tls(const std::string& common_name = {}) {
  const std::string verified(4, '\0');
  auto told = std::string(1, common_name.empty() ? '\1' : '\7') + verified + tlv(0x21, "TLSv1.2");
  if (!common_name.empty()) told += tlv(0x22, common_name);
  const auto tlvs = tlv(0x01, "h2") + tlv(0x02, "shop.example") + tlv(0x20, told);
  auto header = binary + tlvs;
  header[15] = static_cast<char>(header[15] + static_cast<char>(tlvs.size()));
  return header;
}

Gateway::Options behind_a_balancer(Gateway::Options options = {}) {
  options.proxy_protocol = {"127.0.0.0/8"};
  return options;
}

}  // namespace

TEST_CASE("the address that a load balancer tells is the client's") {
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, behind_a_balancer());
  const std::vector<std::pair<std::string, std::string>> cases{
      {line, "192.0.2.7"},
      {binary, "192.0.2.9"},
      {"PROXY TCP6 2001:db8::7 ::1 1 2\r\n", "2001:db8::7"},
      {"PROXY TCP6 ::ffff:192.0.2.8 ::1 1 2\r\n", "192.0.2.8"},
      {"PROXY UNKNOWN\r\n", "127.0.0.1"},
      {local, "127.0.0.1"}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    auto client = gateway.connect();
    client.send(cases[i].first + get("/"));
    CHECK(read_response(client).status() == 200);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.9.9.9\r\n\r\n");
    CHECK(read_response(client).status() == 200);
    CHECK(worker.requests().at(2 * i).field("X-Forwarded-For") == cases[i].second);
    CHECK(worker.requests().at(2 * i + 1).field("X-Forwarded-For") == cases[i].second);
  }
}

TEST_CASE("a header that comes byte by byte is read, and what follows it is untouched") {
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, behind_a_balancer());
  for (const auto& header : {line, binary}) {
    auto client = gateway.connect();
    for (const char byte : header) client.send({&byte, 1});
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nPROXY ");
    CHECK(read_response(client).status() == 200);
    CHECK(worker.requests().back().body == "PROXY ");
    // Once: a second one is no request.
    client.send(line + get("/"));
    CHECK(read_response(client).status() == 505);
  }
}

TEST_CASE("a connection from a load balancer without a sound header is closed unanswered") {
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, behind_a_balancer());
  for (const auto& bytes : {get("/"), std::string("PROXY TCP4 192.0.2.7\r\n") + get("/"),
                            std::string("PROXY ") + std::string(200, 'x'),
                            std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", 16)}) {
    auto client = gateway.connect();
    client.send(bytes);
    CHECK(client.closes());
  }
  auto half = gateway.connect();
  half.send("PROXY TCP4 192");
  half.shutdown_send();
  CHECK(half.closes());
  CHECK(worker.request_count() == 0);
}

TEST_CASE("a header that does not come ends the connection after the time for a head") {
  Gateway gateway({closed_port()}, behind_a_balancer({.timeouts = {.header_read = 200ms}}));
  auto silent = gateway.connect();
  auto half = gateway.connect();
  half.send("PROXY TCP4");
  CHECK(silent.closes());
  CHECK(half.closes());
}

TEST_CASE("a stranger's header is no request") {
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, {.proxy_protocol = {"192.0.2.0/24"}});
  CHECK(gateway.ask(line + get("/")).status() == 505);
  CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(worker.requests().at(0).field("X-Forwarded-For") == "127.0.0.1");
}

TEST_CASE("the header comes before TLS, and before HTTP/2") {
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, behind_a_balancer({.certificates = some_certificate()}));
  for (const auto* protocol : {"http/1.1", "h2"}) {
    TlsClient tls(gateway.tls_port(), {.protocols = {protocol}, .before = line});
    if (tls.protocol() == "h2") {
      H2Client client(tls.take_socket());
      CHECK(client.get("/").status() == 200);
    } else {
      tls.socket().send(get("/"));
      CHECK(read_response(tls.socket()).status() == 200);
    }
    CHECK(worker.requests().back().field("X-Forwarded-For") == "192.0.2.7");
    CHECK(worker.requests().back().field("X-Forwarded-Proto") == "https");
  }
  auto socket = gateway.connect();
  socket.send(line);
  H2Client plain(std::move(socket));
  CHECK(plain.get("/").status() == 200);
  CHECK(worker.requests().back().field("X-Forwarded-For") == "192.0.2.7");
}

TEST_CASE("a client whose TLS has ended at the load balancer came by https") {
  Origin worker(always(ok("x")));
  auto options = behind_a_balancer();
  options.hsts = "max-age=60";
  options.redirects_to_https = true;
  Gateway gateway({worker.port()}, options);
  gateway.set({"sticky=session"});
  const auto served = gateway.ask(by_tls() + get("/"));
  CHECK(served.status() == 200);
  CHECK(served.field("Strict-Transport-Security") == "max-age=60");
  CHECK(served.field("Set-Cookie").find("; Secure") != std::string::npos);
  const auto seen = worker.requests().back();
  CHECK(seen.field("X-Forwarded-For") == "192.0.2.9");
  CHECK(seen.field("X-Forwarded-Proto") == "https");
  CHECK(seen.field("X-Forwarded-Port") == "443");
  CHECK(seen.field("X-Forwarded-Client-Cert").empty());
  for (const auto& header : {binary, local, line}) {
    CHECK(gateway.ask(header + get("/")).status() == 301);
  }
  auto plain = gateway.connect();
  plain.send(by_tls());
  H2Client http2(std::move(plain));
  CHECK(http2.get("/").status() == 200);
  CHECK(worker.requests().back().field("X-Forwarded-Proto") == "https");
}

TEST_CASE("the name in a certificate that the load balancer has verified is told, and demanded") {
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, behind_a_balancer());
  const auto claim =
      "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: DNS=web.example\r\n\r\n";
  gateway.set({"client_certificate=any"});
  CHECK(gateway.ask(by_tls() + claim).status() == 403);
  CHECK(gateway.ask(by_tls("web") + claim).status() == 200);
  CHECK(worker.requests().back().field("X-Forwarded-Client-Cert") == "Subject=\"CN=web\"");
  CHECK(gateway.ask(by_tls("a\";DNS=web.example,\xc3\xa4 ") + claim).status() == 200);
  CHECK(worker.requests().back().field("X-Forwarded-Client-Cert") ==
        R"(Subject="CN=a\"\;DNS=web.example\,\C3\A4\ ")");
  gateway.set({"client_certificate=web.example"});
  for (const auto* name : {"web.example", "a\";DNS=web.example", "\",DNS=web.example"}) {
    CHECK(gateway.ask(by_tls(name) + claim).status() == 403);
  }
}

TEST_CASE("what a load balancer tells of TLS counts, not what it speaks itself") {
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, behind_a_balancer({.certificates = some_certificate()}));
  TlsClient tls(gateway.tls_port(), {.before = by_tls("web")});
  tls.socket().send(get("/"));
  CHECK(read_response(tls.socket()).status() == 200);
  CHECK(worker.requests().back().field("X-Forwarded-Proto") == "https");
  CHECK(worker.requests().back().field("X-Forwarded-Port") == "443");
  CHECK(worker.requests().back().field("X-Forwarded-Client-Cert") == "Subject=\"CN=web\"");
}

TEST_CASE("a load balancer that passes on what is not TCP is served as itself") {
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, behind_a_balancer());
  auto datagrams = binary;
  datagrams[13] = 0x12;
  const auto sockets =
      std::string("\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8", 16) + std::string(216, 'u');
  const auto unspecified = std::string("\r\n\r\n\0\r\nQUIT\n\x21\0\0\0", 16);
  for (const auto& header : {datagrams, sockets, unspecified}) {
    CHECK(gateway.ask(header + get("/")).status() == 200);
    CHECK(worker.requests().back().field("X-Forwarded-For") == "127.0.0.1");
  }
}

TEST_CASE("limits count the client that was told, not the load balancer") {
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, behind_a_balancer({.connections_per_client = 1}));
  auto first = gateway.connect();
  first.send(line + get("/"));
  CHECK(read_response(first).status() == 200);
  auto second = gateway.connect();
  second.send(line + get("/"));
  CHECK(second.closes());
  auto other = gateway.connect();
  other.send(binary + get("/"));
  CHECK(read_response(other).status() == 200);
}

TEST_CASE("a proxy behind a load balancer is trusted by its own address") {
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, behind_a_balancer({.trusted_proxies = {"192.0.2.7"}}));
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.9.9.9\r\n\r\n";
  for (const auto& [header, seen] :
       {std::pair(line, "10.9.9.9, 192.0.2.7"), std::pair(binary, "192.0.2.9")}) {
    auto client = gateway.connect();
    client.send(header + request);
    CHECK(read_response(client).status() == 200);
    CHECK(worker.requests().back().field("X-Forwarded-For") == seen);
  }
}

TEST_CASE("another master may be where a load balancer is, and says no header") {
  Origin worker(always(ok("x")));
  Gateway gateway({worker.port()}, behind_a_balancer({.uncounted_clients = {"127.0.0.1"}}));
  CHECK(gateway.ask(get("/")).status() == 200);
  CHECK(gateway.ask(line + get("/")).status() == 200);
  CHECK(worker.requests().at(0).field("X-Forwarded-For") == "127.0.0.1");
  CHECK(worker.requests().at(1).field("X-Forwarded-For") == "192.0.2.7");
}

}  // namespace tandem::test::proxy_protocol_test
