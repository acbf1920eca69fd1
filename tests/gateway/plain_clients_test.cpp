// Clients that come without TLS where an operator wants https: the redirect, and the answers to
// challenges of ACME, which certificates are had by.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "cluster.hpp"
#include "gateway.hpp"
#include "h2_client.hpp"
#include "test_certificates.hpp"
#include "tls_client.hpp"

namespace tandem::test::plain_clients_test {

namespace fs = std::filesystem;

namespace {

const std::string token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA";
const std::string challenge = "/.well-known/acme-challenge/";

Gateway::Options redirecting() {
  Gateway::Options options;
  options.certificates = some_certificate();
  options.redirects_to_https = true;
  return options;
}

struct Webroot {
  Webroot() { fs::create_directories(answers); }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(answers / name) << content;
  }
  Gateway::Options options(Gateway::Options others = {}) const {
    others.acme_webroot = directory.path("www");
    return others;
  }
  CertificateDirectory directory;
  fs::path answers = directory.path("www") + "/.well-known/acme-challenge";
};

}  // namespace

TEST_CASE("who comes without TLS is sent to https, at the same host and with the same target") {
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()}, redirecting());
  const auto https = [&](const std::string& host) {
    return fmt::format("https://{}:{}", host, gateway.tls_port());
  };
  const auto sent_to = [&](const std::string& target, const std::string& host) {
    const auto answer =
        gateway.ask(fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", target, host));
    CHECK(answer.status() == 301);
    CHECK(answer.field("Connection") == "keep-alive");
    return answer.field("Location");
  };
  CHECK(sent_to("/a/b?c=d%0d%0a", "shop.example") == https("shop.example") + "/a/b?c=d%0d%0a");
  CHECK(sent_to("/", "shop.example:8080") == https("shop.example") + "/");
  CHECK(sent_to("/", "[::1]:8080") == https("[::1]") + "/");
  CHECK(sent_to("/", "[::1]") == https("[::1]") + "/");
  CHECK(sent_to("http://other.example:81?q", "shop.example") == https("other.example") + "/?q");
  CHECK(sent_to("//elsewhere.example/", "shop.example") ==
        https("shop.example") + "//elsewhere.example/");
  TlsClient client(gateway.tls_port());
  client.socket().send(get("/"));
  CHECK(read_response(client.socket()).body == "worker");
  CHECK(worker.request_count() == 1);
}

TEST_CASE("methods are kept by the redirect, and no body is waited for") {
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()}, redirecting());
  CHECK(gateway.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", true).status() == 301);
  for (const auto* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
    INFO(method);
    auto client = gateway.connect();
    client.send(
        fmt::format("{} /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc", method));
    const auto answer = read_response(client);
    CHECK(answer.status() == 308);
    CHECK(answer.field("Connection") == "close");
    CHECK(client.closes());
  }
  const auto whole = gateway.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(whole.field("Location") == fmt::format("https://a:{}", gateway.tls_port()));
  CHECK(gateway.ask("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").status() == 308);
  CHECK(worker.request_count() == 0);
}

TEST_CASE("a request without a host cannot be sent anywhere") {
  Gateway gateway({closed_port()}, redirecting());
  for (const auto* request : {"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n"}) {
    const auto answer = gateway.ask(request);
    CHECK(answer.status() == 400);
    CHECK(code_of(answer) == "https_expected");
    CHECK(answer.count("Location") == 0);
  }
}

TEST_CASE("HTTP/2 without TLS is sent to https, too") {
  Gateway gateway({closed_port()}, redirecting());
  H2Client client(gateway.port());
  const auto answer = client.get("/x?y");
  CHECK(answer.status() == 301);
  CHECK(answer.field("location").ends_with(fmt::format(":{}/x?y", gateway.tls_port())));
}

TEST_CASE("the health of a master is told without TLS, and limits of rate come first") {
  auto options = redirecting();
  options.health_path = "/healthz";
  options.rate_limit = *master::parse_rate_limit("1:1", "f");
  Gateway gateway({closed_port()}, options);
  CHECK(gateway.ask(get("/healthz")).status() == 200);
  CHECK(gateway.ask(get("/")).status() == 301);
  CHECK(gateway.ask(get("/")).status() == 429);
}

TEST_CASE("what a trusted proxy had by https is served, and what it had by http is sent there") {
  Origin worker(always(ok("worker")));
  auto options = redirecting();
  options.trusted_proxies = {"127.0.0.1"};
  Gateway gateway({worker.port()}, options);
  const auto by = [&](const std::string& proto) {
    return gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: " + proto + "\r\n\r\n");
  };
  CHECK(by("https").body == "worker");
  CHECK(by("http").status() == 301);
}

TEST_CASE("a stranger who says that it came by https did not") {
  Gateway gateway({closed_port()}, redirecting());
  const auto answer = gateway.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n");
  CHECK(answer.status() == 301);
}

TEST_CASE("what another master passes on is not sent away: that one has decided about it") {
  Origin worker(always(ok("worker")));
  auto options = redirecting();
  options.pass = "pass-of-a";
  Gateway primary({worker.port()}, options);
  Gateway standby({}, {.node = "b"});
  standby.follow("a", primary.port(), "pass-of-a");
  CHECK(standby.ask(get("/")).body == "worker");
  CHECK(primary.ask(get("/")).status() == 301);
}

TEST_CASE("a standby sends its own clients to its own https") {
  Origin primary(always(ok("primary")));
  Gateway standby({}, redirecting());
  standby.follow("a", primary.port(), "pass-of-a");
  CHECK(standby.ask(get("/")).field("Location") ==
        fmt::format("https://example.org:{}/", standby.tls_port()));
  CHECK(primary.request_count() == 0);
}

TEST_CASE("a challenge's answer is served without TLS, before the redirect and without one") {
  const Webroot webroot;
  webroot.write(token, "the key authorization");
  Origin worker(always(ok("worker")));
  for (const auto& others : {Gateway::Options(), redirecting()}) {
    Gateway gateway({worker.port()}, webroot.options(others));
    auto client = gateway.connect();
    for (const auto* end : {"", "?query"}) {
      client.send(get(challenge + token + end));
      const auto answer = read_response(client);
      CHECK(answer.status() == 200);
      CHECK(answer.body == "the key authorization");
      CHECK(answer.field("Content-Type") == "application/octet-stream");
    }
    client.send("HEAD " + challenge + token + " HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto head = read_response(client, true);
    CHECK(head.status() == 200);
    CHECK(head.field("Content-Length") == "21");
    H2Client http2(gateway.port());
    CHECK(http2.get(challenge + token).body == "the key authorization");
  }
  CHECK(worker.request_count() == 0);
}

TEST_CASE("other methods, other paths and requests over TLS are no challenges") {
  const Webroot webroot;
  webroot.write(token, "x");
  Origin worker(always(ok("worker")));
  Gateway gateway({worker.port()}, webroot.options({.certificates = some_certificate()}));
  CHECK(
      gateway.ask("POST " + challenge + token + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
          .body == "worker");
  for (const auto* target : {"/", "/.well-known/acme-challeng", "/.well-known/", "/x"}) {
    CHECK(gateway.ask(get(target)).body == "worker");
  }
  TlsClient client(gateway.tls_port());
  client.socket().send(get(challenge + token));
  CHECK(read_response(client.socket()).body == "worker");
}

TEST_CASE("nothing but a small file below the webroot is served as a challenge") {
  const Webroot webroot;
  webroot.write("big", std::string(4097, 'b'));
  webroot.write("largest", std::string(4096, 'l'));
  webroot.write(".hidden", "hidden");
  webroot.write("with.dot", "dot");
  webroot.directory.write("secret", "secret");
  fs::create_symlink(webroot.directory.path("secret"), webroot.answers / "absolute");
  fs::create_symlink("../../../secret", webroot.answers / "relative");
  fs::create_symlink("largest", webroot.answers / "inside");
  fs::create_symlink("/dev/zero", webroot.answers / "zero");
  fs::create_symlink("loop", webroot.answers / "loop");
  fs::create_directory(webroot.answers / "directory");
  REQUIRE(mkfifo((webroot.answers / "fifo").c_str(), 0600) == 0);
  Gateway gateway({closed_port()}, webroot.options());
  auto client = gateway.connect();
  const auto ask = [&](const std::string& name) {
    client.send(get(challenge + name));
    return read_response(client);
  };
  for (const std::string name : {"",
                                 "missing",
                                 "big",
                                 ".hidden",
                                 "with.dot",
                                 "absolute",
                                 "relative",
                                 "inside",
                                 "zero",
                                 "loop",
                                 "directory",
                                 "directory/",
                                 "fifo",
                                 "../../../secret",
                                 "..%2f..%2f..%2fsecret",
                                 ".",
                                 "..",
                                 "a/b",
                                 "%6cargest",
                                 "largest%00",
                                 "largest/",
                                 "largest\\",
                                 "//etc/passwd"}) {
    INFO(name);
    const auto answer = ask(name);
    CHECK(answer.status() == 404);
    CHECK(code_of(answer) == "no_challenge");
  }
  CHECK(ask(std::string(5000, 'a')).status() == 404);
  CHECK(ask("largest").body.size() == 4096);
}

TEST_CASE("a directory of challenges that is a link to elsewhere is not followed") {
  const Webroot webroot;
  fs::remove_all(webroot.answers);
  fs::create_directory(webroot.directory.path("elsewhere"));
  webroot.directory.write("elsewhere/" + token, "x");
  fs::create_directory_symlink(webroot.directory.path("elsewhere"), webroot.answers);
  Gateway gateway({closed_port()}, webroot.options());
  CHECK(gateway.ask(get(challenge + token)).status() == 404);
}

TEST_CASE("challenges that come and go while the master runs are seen at once") {
  const Webroot webroot;
  fs::remove_all(webroot.directory.path("www"));
  Gateway gateway({closed_port()}, webroot.options());
  CHECK(gateway.ask(get(challenge + token)).status() == 404);
  fs::create_directories(webroot.answers);
  webroot.write(token, "here");
  CHECK(gateway.ask(get(challenge + token)).body == "here");
  fs::remove(webroot.answers / token);
  CHECK(gateway.ask(get(challenge + token)).status() == 404);
}

TEST_CASE("a standby and the primary serve challenges each from its own directory") {
  const Webroot webroot;
  webroot.write(token, "shared");
  auto of_primary = webroot.options();
  of_primary.pass = "pass-of-a";
  Gateway primary({closed_port()}, of_primary);
  Gateway standby({}, webroot.options({.node = "b"}));
  Gateway without({}, {.node = "c"});
  for (auto* gateway : {&standby, &without}) gateway->follow("a", primary.port(), "pass-of-a");
  for (const auto* gateway : {&primary, &standby, &without}) {
    CHECK(gateway->ask(get(challenge + token)).body == "shared");
  }
}

TEST_CASE("a request with a body gets a challenge's answer, and its connection ends") {
  const Webroot webroot;
  webroot.write(token, "x");
  Gateway gateway({closed_port()}, webroot.options());
  auto client = gateway.connect();
  client.send("GET " + challenge + token + " HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab");
  const auto answer = read_response(client);
  CHECK(answer.body == "x");
  CHECK(answer.field("Connection") == "close");
  CHECK(client.closes());
}

}  // namespace tandem::test::plain_clients_test
