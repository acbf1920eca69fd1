// TLS towards workers: whose certificates count, and what becomes of requests where it fails.
#include <sys/stat.h>

#include <future>

#include <catch2/catch.hpp>

#include "cluster.hpp"
#include "gateway.hpp"
#include "origin.hpp"
#include "test_certificates.hpp"
#include "tls_origin.hpp"

namespace tandem::test::upstream_tls_test {
namespace {

constexpr unsigned unknown_ca = 48;  // RFC 8446 §6

// A certificate that stands for itself is its own authority.
struct Scene {
  CertificateDirectory directory;
  master::tls::CertificateFiles good = directory.make("good", {"worker.example"});
  master::tls::CertificateFiles other = directory.make("other", {"worker.example"});
  tandem::tls::WorkerTlsSpec spec{.authority = good.certificate, .name = "worker.example"};
};

}  // namespace

TEST_CASE("a worker is spoken to over TLS, on connections that are kept") {
  Scene scene;
  TlsOrigin worker(scene.good);
  Gateway gateway({worker.port()});
  gateway.secure_workers(scene.spec);
  auto client = gateway.connect();
  for (int i = 0; i < 5; ++i) {
    client.send(get("/"));
    CHECK(read_response(client).body == "secure");
  }
  CHECK(worker.connections() == 1);
  CHECK(worker.requests() == 5);
  CHECK(worker.server_name() == "worker.example");
}

TEST_CASE("a worker whose certificate does not count is sent nothing, and is no suspect") {
  Scene scene;
  const auto expired = scene.directory.make("expired", {"worker.example"}, {.days = -1});
  struct Row {
    const char* why;
    master::tls::CertificateFiles shown;
    tandem::tls::WorkerTlsSpec spec;
  };
  const std::vector<Row> rows{
      {"another authority", scene.other, scene.spec},
      {"another name", scene.good, {.authority = scene.good.certificate, .name = "x.example"}},
      {"no such address in it", scene.good, {.authority = scene.good.certificate}},
      {"expired", expired, {.authority = expired.certificate, .name = "worker.example"}},
      {"a file that is not there", scene.good, {.authority = scene.directory.path("none")}},
  };
  for (const auto& row : rows) {
    INFO(row.why);
    TlsOrigin worker(row.shown);
    Gateway gateway({worker.port()});
    gateway.secure_workers(row.spec);
    CHECK(gateway.ask(get("/")).status() >= 502);
    CHECK(worker.requests() == 0);
    CHECK_FALSE(gateway.counters(0).suspect);
    CHECK(gateway.reported_failures() == 0);
  }
}

TEST_CASE("a worker that does not speak TLS is sent no request, and is no suspect") {
  Scene scene;
  // What it is sent is no request to it.
  Origin plain([](Origin&, RawSocket& socket) {
    socket.read_until("\x03");
    socket.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  Gateway gateway({plain.port()});
  gateway.secure_workers(scene.spec);
  CHECK(gateway.ask(get("/")).status() >= 502);
  CHECK_FALSE(gateway.counters(0).suspect);
}

TEST_CASE(
    "a worker that does not shake hands in time is suspect, and asked again when it is back") {
  Scene scene;
  TlsOrigin worker(scene.good, {.silent = 1});
  Gateway gateway({worker.port()}, {.timeouts = {.connect = 1s, .queue_wait = 1h}});
  gateway.secure_workers(scene.spec);
  auto client = gateway.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  wait_until([&] { return gateway.reported_failures() == 1 && gateway.waiting() == 1; });
  CHECK(gateway.counters(0).suspect);
  gateway.hear(0);
  CHECK(read_response(client).body == "secure");
  CHECK(worker.requests() == 1);
}

TEST_CASE("a request goes to another worker when TLS fails with the first") {
  Scene scene;
  TlsOrigin wrong(scene.other);
  TlsOrigin good(scene.good);
  Gateway gateway({wrong.port(), good.port()}, {.policy = *wire::parse_policy("round_robin", "f")});
  gateway.secure_workers(scene.spec);
  for (int i = 0; i < 6; ++i) CHECK(gateway.ask(get("/")).body == "secure");
  CHECK(good.requests() == 6);
  CHECK(wrong.connections() > 0);
  CHECK(wrong.requests() == 0);
}

TEST_CASE("a worker that wants a certificate is shown the one of the settings") {
  Scene scene;
  const auto ours = scene.directory.make("ours", {"master.example"});
  TlsOrigin worker(scene.good, {.client_authority = ours.certificate});
  Gateway gateway({worker.port()});
  gateway.secure_workers(scene.spec);
  CHECK(gateway.ask(get("/")).status() >= 502);
  auto spec = scene.spec;
  spec.certificate = ours.certificate + "," + ours.key;
  gateway.secure_workers(spec);
  gateway.hear(0);
  CHECK(gateway.ask(get("/")).body == "secure");
  CHECK(gateway.counters(0).tls_alert == 0);
}

TEST_CASE("a key for workers that other users can read is not used, and one of a group is") {
  Scene scene;
  const auto ours = scene.directory.make("ours", {"master.example"});
  scene.spec.certificate = ours.certificate + "," + ours.key;
  const auto problem_with = [&](mode_t rights) {
    REQUIRE(::chmod(ours.key.c_str(), rights) == 0);
    return tandem::tls::WorkerTls::load(scene.spec)->problem();
  };
  CHECK(problem_with(0604).find("can be read by other users") != std::string::npos);
  CHECK(problem_with(0640).empty());
}

TEST_CASE("a POST goes to another worker when the first refuses this master's certificate") {
  Scene scene;
  const auto ours = scene.directory.make("ours", {"master.example"});
  TlsOrigin refuses(scene.good, {.client_authority = scene.other.certificate});
  TlsOrigin good(scene.good, {.client_authority = ours.certificate});
  Gateway gateway({refuses.port(), good.port()},
                  {.policy = *wire::parse_policy("round_robin", "f"), .forgives = true});
  auto spec = scene.spec;
  spec.certificate = ours.certificate + "," + ours.key;
  gateway.secure_workers(spec);
  for (int i = 0; i < 8; ++i) {
    const auto answer = gateway.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    CHECK(answer.body == "secure");
  }
  CHECK(good.requests() == 8);
  CHECK(refuses.connections() > 0);
  CHECK(refuses.requests() == 0);
  CHECK(gateway.reported_failures() > 0);
  CHECK(gateway.counters(0).tls_alert == unknown_ca);
  CHECK(gateway.counters(1).tls_alert == 0);
}

TEST_CASE("who alone is left and refuses this master's certificate is said to have done nothing") {
  Scene scene;
  const auto ours = scene.directory.make("ours", {"master.example"});
  auto spec = scene.spec;
  spec.certificate = ours.certificate + "," + ours.key;
  const std::vector<std::string> requests{
      get("/"), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok",
      // Streamed, and larger than what the sockets hold.
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n" + std::string(200'000, 'x')};
  for (const bool http2 : {false, true}) {
    TlsOrigin refuses(scene.good,
                      {.client_authority = scene.other.certificate, .speaks_http2 = http2});
    const auto protocol = http2 ? wire::WorkerProtocol::http2 : wire::WorkerProtocol::http1;
    for (const auto& request : requests) {
      CAPTURE(http2, request.substr(0, 48));
      Gateway gateway({refuses.port()}, {.workers_speak = protocol});
      gateway.secure_workers(spec);
      const auto answer = gateway.ask(request);
      CHECK(answer.status() == 503);
      CHECK_THAT(answer.body, Catch::Contains("no_worker") &&
                                  Catch::Contains("refuse TLS with this master") &&
                                  Catch::Contains("was not executed"));
      CHECK(gateway.counters(0).suspect);
      CHECK(gateway.counters(0).tls_alert == unknown_ca);
      CHECK(gateway.reported_failures() == 1);
    }
    CHECK(refuses.requests() == 0);
  }
}

TEST_CASE("a POST that was read over TLS is not sent again when its connection breaks off") {
  Scene scene;
  const auto ours = scene.directory.make("ours", {"master.example"});
  TlsOrigin drops(scene.good, {.client_authority = ours.certificate, .drops_requests = true});
  TlsOrigin good(scene.good, {.client_authority = ours.certificate});
  Gateway gateway({drops.port(), good.port()}, {.policy = *wire::parse_policy("round_robin", "f")});
  auto spec = scene.spec;
  spec.certificate = ours.certificate + "," + ours.key;
  gateway.secure_workers(spec);
  unsigned failed = 0;
  for (int i = 0; i < 4; ++i) {
    const auto answer = gateway.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    if (answer.status() == 200) continue;
    ++failed;
    CHECK_THAT(answer.body, Catch::Contains("may have been executed"));
  }
  CHECK(failed > 0);
  CHECK(failed == drops.requests());
  CHECK(good.requests() == 4 - failed);
  CHECK(gateway.counters(0).tls_alert == 0);
}

TEST_CASE("connections of before are not used once the settings say otherwise") {
  Scene scene;
  TlsOrigin worker(scene.good);
  Gateway gateway({worker.port()});
  gateway.secure_workers(scene.spec);
  CHECK(gateway.ask(get("/")).body == "secure");
  auto strict = scene.spec;
  strict.authority = scene.other.certificate;
  gateway.secure_workers(strict);
  CHECK(gateway.ask(get("/")).status() >= 502);
  CHECK(worker.requests() == 1);
}

TEST_CASE("an exchange under way ends in clear when its service turns to TLS, and is the last") {
  Scene scene;
  std::promise<void> turned;
  auto has_turned = turned.get_future().share();
  Origin worker([has_turned](Origin& origin, RawSocket& socket) {
    while (true) {
      const auto request = origin.receive(socket);
      if (request.start_line().starts_with("GET /slow")) has_turned.wait();
      socket.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow");
    }
  });
  Gateway gateway({worker.port()});
  auto client = gateway.connect();
  client.send(get("/slow"));
  wait_until([&] { return worker.request_count() == 1; });
  gateway.secure_workers(scene.spec);
  turned.set_value();
  CHECK(read_response(client).body == "slow");
  // Neither that connection nor another one in clear is used any more.
  CHECK(gateway.ask(get("/")).status() >= 502);
  CHECK(worker.request_count() <= 1);
}

}  // namespace tandem::test::upstream_tls_test
