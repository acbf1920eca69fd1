// The address where masters pass their clients' requests on to each other: who is believed there,
// and that nobody is believed anywhere else.
#include <future>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "cluster.hpp"
#include "common/base/small_file.hpp"
#include "common/tls/pem.hpp"
#include "tests/unit/common/credential_files.hpp"
#include "tls_client.hpp"

namespace tandem::test::inner_address_test {

using tandem::tls::Kind;

namespace {

// What a standby sends; a stranger can write it, too.
std::string passed(std::string_view pass) {
  return fmt::format(
      "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: https\r\n"
      "Tandem-Pass: {}\r\n\r\n",
      pass);
}

// A primary "a" with an inner address, and who may come there.
struct Scene {
  explicit Scene(bool in_clear = false) : clear(in_clear) {
    for (const auto* name : {"a", "b", "c"}) files.add({.kind = Kind::master, .name = name});
    files.add({.kind = Kind::worker, .name = "w1", .witness = true});
    files.add({.kind = Kind::operator_, .name = "ops"});
    primary.emplace(std::vector{worker.port()}, options_of("a", "pass-of-a"));
    primary->believe({"b"}, /*alone=*/true);
  }
  Gateway::Options options_of(const std::string& name, const std::string& pass) const {
    Gateway::Options options;
    options.node = name;
    options.pass = pass;
    options.inner = true;
    if (!clear) options.credentials = files.loaded(name);
    return options;
  }
  TlsClient::Options with(const std::string& name) const {
    TlsClient::Options options;
    options.certificate = files.path(name + ".pem");
    options.key = files.path(name + ".key");
    return options;
  }
  // The first line of the answer at the inner address; empty: the connection ended without one.
  std::string ask_inside(const TlsClient::Options& self, const std::string& request) const {
    try {
      TlsClient client(primary->inner_port(), self);
      client.socket().send(request);
      return client.socket().read_until("\r\n");
    } catch (const std::runtime_error&) {
      return {};
    }
  }
  unsigned served() const { return static_cast<unsigned>(worker.request_count()); }

  const bool clear;
  CredentialFiles files;
  Origin worker{always(ok("served"))};
  std::optional<Gateway> primary;
};

}  // namespace

TEST_CASE("a standby passes requests on to the inner address, and is believed about its clients") {
  for (const bool clear : {false, true}) {
    CAPTURE(clear);
    Scene scene(clear);
    Gateway standby({}, scene.options_of("b", "pass-of-b"));
    standby.follow_inside("a", scene.primary->inner_port(), "pass-of-a");
    auto client = standby.connect();
    for (int i = 0; i < 3; ++i) {
      client.send(post("hello"));
      const auto answer = read_response(client);
      CHECK(answer.status() == 200);
      CHECK(answer.count("Via") == 1);
    }
    const auto seen = scene.worker.requests().at(2);
    CHECK(seen.body == "hello");
    CHECK(seen.field("X-Forwarded-For") == "127.0.0.1");
    CHECK(seen.field("X-Forwarded-Port") == std::to_string(standby.port()));
    CHECK(seen.field("X-Forwarded-Proto") == "http");
    CHECK(seen.count("Tandem-Pass") == 0);
  }
}

TEST_CASE("bodies of any size, upgrades and HEAD pass through the inner address") {
  Scene scene;
  Gateway standby({}, scene.options_of("b", "pass-of-b"));
  standby.follow_inside("a", scene.primary->inner_port(), "pass-of-a");
  const std::string large(300'000, 'x');
  auto client = standby.connect();
  for (const auto& body : {large, std::string("small"), large}) {
    client.send(post(body));
    CHECK(read_response(client).status() == 200);
    CHECK(scene.worker.requests().back().body == body);
  }
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(read_response(client, /*to_head=*/true).status() == 200);

  Origin echo([](Origin& self, RawSocket& socket) {
    self.receive(socket);
    socket.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo/1\r\n\r\n");
    socket.send(socket.read_exactly(300'000));
    socket.wait_for_hang_up();
  });
  scene.primary->publish({echo.port()});
  scene.primary->settle();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo/1\r\n\r\n");
  CHECK(client.read_until("\r\n\r\n").find("HTTP/1.1 101 ") == 0);
  auto sending = std::async(std::launch::async, [&] { client.send(large); });
  CHECK(client.read_exactly(300'000) == large);
  sending.get();
}

TEST_CASE("no pass is believed where clients come, once all masters know of inner addresses") {
  Scene scene;
  // Somebody who has learnt the right one gets nothing by it either.
  const auto right = scene.primary->ask(passed("pass-of-a"));
  CHECK(right.status() == 503);
  CHECK(code_of(right) == "not_primary");
  CHECK(scene.served() == 0);
  for (const auto* pass : {"wrong", ""}) {
    CHECK(scene.primary->ask(passed(pass)).status() == 200);
    const auto seen = scene.worker.requests().back();
    CHECK(seen.field("X-Forwarded-For") == "127.0.0.1");
    CHECK(seen.field("X-Forwarded-Proto") == "http");
    CHECK(seen.count("Tandem-Pass") == 0);
  }
  // Nor does one keep a standby from passing on.
  Gateway standby({}, scene.options_of("b", "pass-of-b"));
  standby.believe({"a"}, /*alone=*/true);
  standby.follow_inside("a", scene.primary->inner_port(), "pass-of-a");
  CHECK(standby.ask(passed("wrong")).status() == 200);
  CHECK(scene.worker.requests().back().field("X-Forwarded-For") == "127.0.0.1");
}

TEST_CASE(
    "while a master does not know of inner addresses its pass is believed where clients come") {
  Scene scene;
  scene.primary->believe({"b"}, /*alone=*/false);
  CHECK(scene.primary->ask(passed("pass-of-a")).status() == 200);
  CHECK(scene.worker.requests().back().field("X-Forwarded-For") == "10.0.0.9");
}

TEST_CASE("at the inner address another master is served, and nobody else, whatever they say") {
  Scene scene;
  CHECK(scene.ask_inside(scene.with("b"), passed("any")) == "HTTP/1.1 200 OK\r\n");
  CHECK(scene.worker.requests().back().field("X-Forwarded-For") == "10.0.0.9");
  const auto before = scene.served();
  // A master that is none of this cluster's (yet, or any more) may ask again.
  CHECK(scene.ask_inside(scene.with("c"), passed("pass-of-a")) ==
        "HTTP/1.1 503 Service Unavailable\r\n");
  for (const auto* name : {"w1", "ops"}) {
    CAPTURE(name);
    CHECK(scene.ask_inside(scene.with(name), passed("pass-of-a")).empty());
  }
  CHECK(scene.ask_inside({}, passed("pass-of-a")).empty());
  const CredentialFiles other;
  other.add({.kind = Kind::master, .name = "b"});
  TlsClient::Options stranger;
  stranger.certificate = other.path("b.pem");
  stranger.key = other.path("b.key");
  CHECK(scene.ask_inside(stranger, passed("pass-of-a")).empty());
  auto older = scene.with("b");
  older.version_max = TLS1_2_VERSION;
  CHECK(scene.ask_inside(older, passed("pass-of-a")).empty());
  auto plain = RawSocket::connect(scene.primary->inner_port());
  plain.send(passed("pass-of-a"));
  CHECK(read_response(plain).status() == 400);
  CHECK(scene.served() == before);
}

TEST_CASE("in clear the right pass alone is served at the inner address") {
  Scene scene(/*in_clear=*/true);
  for (const auto* pass : {"wrong", "", "pass-of-a "}) {
    CAPTURE(pass);
    auto client = RawSocket::connect(scene.primary->inner_port());
    client.send(passed(pass));
    const auto answer = read_response(client);
    const bool is_right = std::string_view(pass) == "pass-of-a ";  // without white space (RFC 9110)
    CHECK(answer.status() == (is_right ? 200 : 503));
    CHECK(answer.field("Tandem-Not-Primary") == (is_right ? "" : "1"));
  }
  auto bare = RawSocket::connect(scene.primary->inner_port());
  bare.send(get("/"));
  CHECK(read_response(bare).status() == 503);
  auto preface = RawSocket::connect(scene.primary->inner_port());
  preface.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  CHECK(read_response(preface).status() >= 400);
  CHECK(scene.served() == 1);
}

TEST_CASE("a master that was removed or revoked is cut off the inner address at once") {
  Scene scene;
  const auto open = [&] {
    auto client = std::make_unique<TlsClient>(scene.primary->inner_port(), scene.with("b"));
    client->socket().send(passed("any"));
    CHECK(read_response(client->socket()).status() == 200);
    return client;
  };
  auto removed = open();
  scene.primary->believe({"c"}, /*alone=*/true);
  CHECK(removed->socket().closes());
  scene.primary->believe({"b"}, /*alone=*/true);
  auto revoked = open();
  std::string digest;
  {
    const auto credentials = scene.files.loaded("b");
    const auto certificates =
        tandem::tls::certificates_in(*read_small_file(scene.files.path("b.pem"), 1 << 16));
    digest = tandem::tls::key_digest(certificates->front().get());
  }
  scene.files.write("revoked", digest + "\n");
  auto access = std::make_shared<master::InnerAccess>();
  access->credentials = scene.files.loaded("a")->get();
  access->masters = {"b"};
  access->alone = true;
  scene.primary->plane().publish(master::InnerAccessPtr(access));
  CHECK(revoked->socket().closes());
  CHECK(scene.ask_inside(scene.with("b"), passed("any")).empty());
}

TEST_CASE("a standby tells nobody but the primary itself, and blames nobody in its place") {
  Scene scene;
  // "c" stands where "a" is said to be.
  Gateway impostor({scene.worker.port()}, scene.options_of("c", "pass-of-a"));
  impostor.believe({"b"}, /*alone=*/true);
  Gateway standby({}, scene.options_of("b", "pass-of-b"));
  standby.follow_inside("a", impostor.inner_port(), "pass-of-a");
  CHECK(standby.ask(post("never")).status() == 503);
  CHECK(scene.served() == 0);
  standby.follow_inside("a", scene.primary->inner_port(), "pass-of-a");
  CHECK(standby.ask(post("once")).status() == 200);
}

TEST_CASE("a master that the primary does not list yet waits until it does, and loses no POST") {
  Scene scene;
  Gateway standby({}, scene.options_of("c", "pass-of-c"));
  standby.follow_inside("a", scene.primary->inner_port(), "pass-of-a");
  auto client = standby.connect();
  client.send(post("once"));
  CHECK(client.stays_silent(50));
  scene.primary->believe({"b", "c"}, /*alone=*/true);
  CHECK(read_response(client).status() == 200);
  CHECK(scene.served() == 1);
}

}  // namespace tandem::test::inner_address_test
