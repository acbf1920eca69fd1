// How a client and a gateway come to speak TLS, and what becomes of those that never do.
#include <atomic>
#include <functional>
#include <thread>

#include <catch2/catch.hpp>

#include "gateway.hpp"
#include "h2_client.hpp"
#include "test_certificates.hpp"
#include "tls_client.hpp"

namespace tandem::test::tls_handshake_test {

using namespace std::chrono_literals;

namespace {

struct Scene {
  explicit Scene(Gateway::Options options = {})
      : gateway({origin.port()}, [&] {
          if (options.certificates == nullptr) options.certificates = some_certificate();
          return options;
        }()) {}
  Origin origin{always(ok("hello"))};
  Gateway gateway;
};

unsigned status_over(TlsClient& client) {
  client.socket().send(get("/"));
  return read_response(client.socket()).status();
}

tandem::master::tls::CertificateSetPtr with_keys(const tandem::master::tls::CertificateSetPtr& set,
                                                 const tandem::master::tls::TicketRing& ring) {
  auto next = std::make_shared<tandem::master::tls::CertificateSet>(*set);
  next->ticket_keys = tandem::master::tls::TicketKeys::make(ring);
  return next;
}

// What a client says first.
std::string client_hello() {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_connect(ssl.get());
  std::string hello(BIO_ctrl_pending(out), '\0');
  BIO_read(out, hello.data(), static_cast<int>(hello.size()));
  return hello;
}

// What a client is told that cannot shake hands; empty: it can.
std::string refusal_of(const Gateway& gateway, const TlsClient::Options& options) {
  try {
    const TlsClient client(gateway.tls_port(), options);
    return {};
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("TLS 1.2 and 1.3 are spoken, and nothing older") {
  Scene scene;
  for (const auto& [version, name] :
       {std::pair(TLS1_2_VERSION, "TLSv1.2"), std::pair(TLS1_3_VERSION, "TLSv1.3")}) {
    TlsClient client(scene.gateway.tls_port(), {.version_min = version, .version_max = version});
    CHECK(client.version() == name);
    CHECK(status_over(client) == 200);
  }
  const auto refusal = refusal_of(
      scene.gateway,
      {.version_min = TLS1_VERSION, .version_max = TLS1_1_VERSION, .ciphers = "ALL:@SECLEVEL=0"});
  CHECK_FALSE(refusal.empty());
}

TEST_CASE("what is older than security level 2 is not agreed on") {
  Scene scene;
  for (const auto* cipher : {"RC4-SHA:NULL-SHA256:DES-CBC3-SHA:ADH-AES256-SHA256", "eNULL"}) {
    CHECK_FALSE(refusal_of(scene.gateway, {.version_max = TLS1_2_VERSION,
                                           .ciphers = std::string(cipher) + ":@SECLEVEL=0"})
                    .empty());
  }
}

TEST_CASE("no handshake is begun anew on a connection") {
  Scene scene;
  CHECK(refusal_of(scene.gateway, {.version_max = TLS1_2_VERSION, .renegotiates = true}) ==
        "no renegotiation");
}

TEST_CASE("who says that a newer version has failed is told that it would not have") {
  Scene scene;
  CHECK(refusal_of(scene.gateway, {.version_max = TLS1_2_VERSION, .falls_back = true}) ==
        "tlsv1 alert inappropriate fallback");
}

TEST_CASE("a first message that claims to be longer than any is refused at once") {
  Scene scene;
  auto client = RawSocket::connect(scene.gateway.tls_port());
  client.send(std::string_view("\x16\x03\x01\x00\x08\x01\xff\xff\xff\x03\x03\x00\x00", 13));
  CHECK(client.read_to_end().substr(0, 1) == "\x15");  // an alert
}

TEST_CASE("a client is shown the certificate of the host that it asks for") {
  CertificateDirectory directory;
  Scene scene({.certificates = load({directory.make("first", {"first.example"}),
                                     directory.make("wild", {"*.shop.example"}),
                                     directory.make("exact", {"www.shop.example", "Other.Example"}),
                                     directory.make("rsa", {"rsa.example"}, {.rsa_bits = 2048})})});
  const auto shown = [&](const std::string& host) {
    return TlsClient(scene.gateway.tls_port(), {.server_name = host}).common_name();
  };
  CHECK(shown("first.example") == "first.example");
  CHECK(shown("a.shop.example") == "*.shop.example");
  CHECK(shown("WWW.Shop.example") == "www.shop.example");
  CHECK(shown("other.example") == "www.shop.example");
  CHECK(shown("rsa.example") == "rsa.example");
  CHECK(shown("a.b.shop.example") == "first.example");
  CHECK(shown("shop.example") == "first.example");
  CHECK(shown("unknown.example") == "first.example");
  CHECK(shown("") == "first.example");
}

TEST_CASE("both sides agree on HTTP/2 or HTTP/1.1, or not at all") {
  Scene scene;
  const auto agreed = [&](std::vector<std::string> protocols) {
    return TlsClient(scene.gateway.tls_port(), {.protocols = std::move(protocols)}).protocol();
  };
  CHECK(agreed({"h2", "http/1.1"}) == "h2");
  CHECK(agreed({"http/1.1", "h2"}) == "h2");
  CHECK(agreed({"http/1.1"}) == "http/1.1");
  CHECK(agreed({"spdy/1", "http/1.1"}) == "http/1.1");
  CHECK(agreed({}).empty());
  CHECK(refusal_of(scene.gateway, {.protocols = {"imap"}}) ==
        "tlsv1 alert no application protocol");
}

TEST_CASE("with --http2 off HTTP/2 is not offered") {
  Scene scene({.http2 = false});
  TlsClient client(scene.gateway.tls_port(), {.protocols = {"h2", "http/1.1"}});
  CHECK(client.protocol() == "http/1.1");
  CHECK(status_over(client) == 200);
}

TEST_CASE("HTTP/2 is not agreed on with a cipher that RFC 9113 forbids") {
  CertificateDirectory directory;
  Scene scene({.certificates = load({directory.make("rsa", {"a"}, {.rsa_bits = 2048})})});
  const auto agreed = [&](const char* cipher) {
    return TlsClient(
               scene.gateway.tls_port(),
               {.protocols = {"h2", "http/1.1"}, .version_max = TLS1_2_VERSION, .ciphers = cipher})
        .protocol();
  };
  CHECK(agreed("ECDHE-RSA-AES128-GCM-SHA256") == "h2");
  CHECK(agreed("ECDHE-RSA-AES128-SHA256") == "http/1.1");
  CHECK(agreed("AES128-GCM-SHA256") == "http/1.1");
}

TEST_CASE("who has not agreed on HTTP/2 is not understood when speaking it") {
  Scene scene;
  TlsClient client(scene.gateway.tls_port());
  client.socket().send(std::string(h2::preface) + h2::settings());
  CHECK(read_response(client.socket()).status() >= 400);
}

TEST_CASE("a session is resumed, at any loop and after a reload") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CertificateDirectory directory;
    const auto files = directory.make("a", {"a.example"});
    auto set = load({files});
    Scene scene({.threads = 2, .certificates = set});
    std::shared_ptr<SSL_SESSION> session;
    for (int round = 0; round < 8; ++round) {
      TlsClient client(scene.gateway.tls_port(),
                       {.version_min = version, .version_max = version, .session = session});
      CHECK(client.resumed() == (round > 0));
      CHECK(status_over(client) == 200);
      session = client.session();
      if (round % 2 == 0) continue;
      auto next = std::make_shared<tandem::master::tls::CertificateSet>(*load({files}));
      next->ticket_keys = set->ticket_keys;
      REQUIRE(scene.gateway.plane().publish(next).ok());
    }
  }
}

TEST_CASE("a ticket is good for two generations of keys after its own") {
  CertificateDirectory directory;
  auto set = load({directory.make("a", {"a.example"})});
  auto ring = tandem::master::tls::TicketRing::make(std::chrono::system_clock::now());
  set = with_keys(set, ring);
  Scene scene({.certificates = set});
  TlsClient first(scene.gateway.tls_port());
  CHECK(status_over(first) == 200);
  const auto session = first.session();
  for (int generation = 1; generation <= 3; ++generation) {
    ring.turn(ring.since());
    set = with_keys(set, ring);
    REQUIRE(scene.gateway.plane().publish(set).ok());
    TlsClient again(scene.gateway.tls_port(), {.session = session});
    INFO(generation);
    CHECK(again.resumed() == (generation < 3));
  }
}

TEST_CASE("a thousand reloads fail no handshake") {
  CertificateDirectory directory;
  const auto first = load({directory.make("a", {"a.example"})});
  const auto second =
      load({directory.make("b", {"b.example"}), directory.make("a", {"a.example"})});
  Scene scene({.threads = 2, .certificates = first});
  std::atomic<bool> done{false};
  std::atomic<unsigned> served{0};
  std::atomic<unsigned> failed{0};
  const auto come_again = [&] {
    while (!done) {
      try {
        TlsClient client(scene.gateway.tls_port(), {.server_name = "a.example"});
        if (status_over(client) == 200 && client.common_name() == "a.example") {
          ++served;
        } else {
          ++failed;
        }
      } catch (const std::exception&) {
        ++failed;
      }
    }
  };
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) clients.emplace_back(come_again);
  wait_until([&] { return served > 0 || failed > 0; });
  for (int i = 0; i < 1'000; ++i) {
    if (!scene.gateway.plane().publish(i % 2 == 0 ? second : first).ok()) ++failed;
  }
  done = true;
  for (auto& each : clients) each.join();
  CHECK(failed == 0);
  CHECK(served > 0);
}

TEST_CASE("what is no TLS is answered where it is HTTP, and closed where it is not") {
  Scene scene;
  auto browser = RawSocket::connect(scene.gateway.tls_port());
  browser.send(get("/"));
  const auto answer = read_response(browser);
  CHECK(answer.status() == 400);
  CHECK(answer.body.find("https_expected") != std::string::npos);
  CHECK(browser.read_to_end().empty());
  auto garbage = RawSocket::connect(scene.gateway.tls_port());
  garbage.send(std::string("\x00\x01\x02\xff garbage", 12));
  CHECK(garbage.read_to_end().empty());
  auto broken = RawSocket::connect(scene.gateway.tls_port());
  broken.send(std::string("\x16\x03\x01\x00\x05garbage that is no ClientHello", 36));
  CHECK(broken.read_to_end().substr(0, 1) == "\x15");  // an alert
  auto http2 = RawSocket::connect(scene.gateway.tls_port());
  http2.send(h2::preface);
  CHECK(read_response(http2).status() == 400);
  CHECK(scene.origin.request_count() == 0);
}

TEST_CASE("TLS where none is spoken is refused as any other garbage") {
  Scene scene;
  const auto connects = [&] { const TlsClient client(scene.gateway.port()); };
  CHECK_THROWS(connects());
  CHECK(scene.gateway.ask(get("/")).status() == 200);
}

TEST_CASE("a handshake that comes byte by byte succeeds, and so does a request") {
  Scene scene;
  for (const std::size_t segment : {1u, 2u, 5u, 7u}) {
    TlsClient client(scene.gateway.tls_port(), {.segment = segment});
    CHECK(status_over(client) == 200);
    CHECK(status_over(client) == 200);
  }
}

TEST_CASE("a handshake that does not end in time is ended") {
  tandem::master::ForwardTimeouts timeouts;
  timeouts.header_read = 200ms;
  Scene scene({.timeouts = timeouts});
  auto silent = RawSocket::connect(scene.gateway.tls_port());
  auto begun = RawSocket::connect(scene.gateway.tls_port());
  begun.send(std::string_view("\x16\x03\x01", 3));
  CHECK(silent.closes());
  CHECK(begun.closes());
  wait_until([&] { return scene.gateway.plane().client_connections() == 0; });
}

TEST_CASE("thousands of handshakes that never end keep nobody from connecting") {
  Scene scene({.handshakes_max = 64, .handshakes_per_client = 100'000});
  std::vector<RawSocket> half_open;
  for (int i = 0; i < 2'000; ++i) {
    half_open.push_back(RawSocket::connect(scene.gateway.tls_port()));
    if (i % 2 == 0) half_open.back().send(std::string_view("\x16\x03\x01\x01", 4));
  }
  TlsClient client(scene.gateway.tls_port());
  CHECK(status_over(client) == 200);
  CHECK(scene.gateway.ask(get("/")).status() == 200);
  // Those that began first have made room; the last ones are still waited for.
  CHECK(half_open.front().closes());
  CHECK(half_open.back().stays_silent(1));
}

TEST_CASE("of one address the oldest handshake makes room, and those that are done do not count") {
  Scene scene({.handshakes_per_client = 4});
  std::vector<std::unique_ptr<TlsClient>> done;
  for (int i = 0; i < 8; ++i) {
    done.push_back(std::make_unique<TlsClient>(scene.gateway.tls_port()));
    CHECK(status_over(*done.back()) == 200);
  }
  std::vector<RawSocket> half_open;
  for (int i = 0; i < 4; ++i) {
    half_open.push_back(RawSocket::connect(scene.gateway.tls_port()));
    half_open.back().send(std::string_view("\x16", 1));
  }
  wait_until([&] { return scene.gateway.plane().client_connections() == 12; });
  // A newcomer behind the same address is served, at the expense of the first.
  TlsClient newcomer(scene.gateway.tls_port());
  CHECK(status_over(newcomer) == 200);
  CHECK(half_open[0].closes());
  for (int i = 1; i < 4; ++i) CHECK(half_open[i].stays_silent(1));
  for (auto& each : done) CHECK(status_over(*each) == 200);
}

TEST_CASE("a handshake that is under way is not pushed out by those that say nothing") {
  Scene scene({.handshakes_per_client = 4});
  const auto slow = [&] {
    TlsClient client(scene.gateway.tls_port(), {.after_hello = [&] {
                       std::vector<RawSocket> silent;
                       for (int i = 0; i < 20; ++i) {
                         silent.push_back(RawSocket::connect(scene.gateway.tls_port()));
                       }
                       // All have come, and most have gone again.
                       for (int i = 0; i < 16; ++i) CHECK(silent[i].closes());
                     }});
    return status_over(client);
  };
  CHECK(slow() == 200);
}

TEST_CASE("a hello that waits for its turn is not pushed out by those that say less") {
  Scene scene({.handshakes_per_client = 4});
  const auto hello = client_hello();
  std::vector<RawSocket> half_open;
  const auto leave_open = [&](int count) {
    for (int i = 0; i < count; ++i) {
      half_open.push_back(RawSocket::connect(scene.gateway.tls_port()));
      half_open.back().try_send(hello.substr(0, 6));
    }
  };
  for (int round = 0; round < 100; ++round) {
    CAPTURE(round);
    leave_open(20);
    auto newcomer = RawSocket::connect(scene.gateway.tls_port());
    newcomer.send(hello);
    leave_open(20);
    CHECK(newcomer.read_exactly(1) == "\x16");  // the gateway's hello
    half_open.clear();
  }
}

TEST_CASE("of an address that may have one handshake at a time the last goes on") {
  Scene scene({.handshakes_per_client = 1});
  const auto hello = client_hello();
  std::vector<RawSocket> before;
  for (int i = 0; i < 50; ++i) {
    before.push_back(RawSocket::connect(scene.gateway.tls_port()));
    before.back().try_send(hello);
  }
  TlsClient client(scene.gateway.tls_port());
  CHECK(status_over(client) == 200);
}

TEST_CASE("those that say a hello and no more make room, too") {
  Scene scene({.handshakes_per_client = 4});
  std::function<void(int)> leave_open = [&](int more) {
    if (more == 0) {
      TlsClient client(scene.gateway.tls_port());
      CHECK(status_over(client) == 200);
      return;
    }
    try {
      TlsClient half_open(scene.gateway.tls_port(), {.after_hello = [&] { leave_open(more - 1); }});
    } catch (const std::exception&) {
      // It had to go.
    }
  };
  leave_open(20);
}

TEST_CASE("ten thousand handshakes that never end keep nobody from being served meanwhile") {
  Scene scene({.threads = 2});
  std::vector<RawSocket> half_open;
  for (int i = 0; i < 10'000; ++i) {
    half_open.push_back(RawSocket::connect(scene.gateway.tls_port()));
    // Some have said nothing, some the beginning of a message that does not go on.
    if (i % 3 != 0) half_open.back().send(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
    if (i % 1'000 != 999) continue;
    TlsClient client(scene.gateway.tls_port());
    CHECK(status_over(client) == 200);
    CHECK(scene.gateway.ask(get("/")).status() == 200);
  }
  wait_until([&] {
    return scene.gateway.plane().client_connections() <= tandem::limits::handshakes_per_client_max;
  });
}

TEST_CASE("a client that goes away during its handshake leaves nothing behind") {
  Scene scene;
  for (int i = 0; i < 50; ++i) {
    auto begun = RawSocket::connect(scene.gateway.tls_port());
    begun.send(std::string_view("\x16\x03\x01\x00\xc8", 5));
    if (i % 2 == 0) begun.reset();
  }
  wait_until([&] { return scene.gateway.plane().client_connections() == 0; });
}

}  // namespace tandem::test::tls_handshake_test
