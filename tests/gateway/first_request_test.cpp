// A client that has just come when a master is told to end has not said anything yet: its first
// request is on the way, and may be one that cannot be sent twice.
#include <catch2/catch.hpp>

#include <future>
#include <stdexcept>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "gateway.hpp"
#include "h2_client.hpp"
#include "master/forward/client/limits.hpp"
#include "test_certificates.hpp"
#include "tls_client.hpp"

namespace tandem::test::first_request_test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

Gateway::Options with_tls() {
  Gateway::Options options;
  options.certificates = some_certificate();
  return options;
}

// A gateway that may be told to end.
class Scene {
 public:
  ~Scene() {
    if (drained_.valid()) drained_.wait();
  }

  Gateway& gateway() { return gateway_; }

  // Returns when it takes no more connections.
  void end() {
    drained_ = std::async(std::launch::async, [this] { return gateway_.plane().drain(30s); });
    wait_until([this] { return refuses(); });
  }
  bool has_ended() { return drained_.get(); }

 private:
  bool refuses() const {
    try {
      gateway_.connect();
    } catch (const std::exception&) {
      return true;
    }
    return false;
  }

  Origin origin_{always(ok("x"))};
  Gateway gateway_{{origin_.port()}, with_tls()};
  std::future<bool> drained_;
};

// What the client got, and whether it asked within half the time that it has for that.
struct Outcome {
  std::string got;
  bool in_time = false;
};

Outcome outcome(Instant came, const Message& answer) {
  return {fmt::format("{} {}", answer.status(), answer.field("Connection")),
          now() < came + limits::first_request_max / 2};
}

// On a machine that is busy a client may be too late; then it tries once more.
template <class Play>
std::string played(Play play) {
  for (int attempt = 0; attempt < 20; ++attempt) {
    const Outcome outcome = play();
    if (outcome.in_time) return outcome.got;
  }
  return "never in time";
}

}  // namespace

TEST_CASE("a client that has just connected when a master ends has its first request answered") {
  CHECK(played([] {
          Scene scene;
          const auto came = now();
          auto client = scene.gateway().connect();
          wait_until([&] { return scene.gateway().plane().client_connections() == 1; });
          scene.end();
          client.send(post);
          return outcome(came, read_response(client));
        }) == "200 close");
}

TEST_CASE("TLS: a client that has just shaken hands when a master ends may ask") {
  CHECK(played([] {
          Scene scene;
          const auto came = now();
          TlsClient client(scene.gateway().tls_port());
          scene.end();
          client.socket().send(post);
          return outcome(came, read_response(client.socket()));
        }) == "200 close");
}

TEST_CASE("TLS: a client that shakes hands when a master ends may ask") {
  CHECK(played([] {
          Scene scene;
          const auto came = now();
          TlsClient client(scene.gateway().tls_port(), {.after_hello = [&] { scene.end(); }});
          client.socket().send(post);
          return outcome(came, read_response(client.socket()));
        }) == "200 close");
}

TEST_CASE(
    "HTTP/2: a client that has just connected when a master ends may ask, and is told to go") {
  CHECK(played([] {
          Scene scene;
          const auto came = now();
          auto socket = scene.gateway().connect();
          wait_until([&] { return scene.gateway().plane().client_connections() == 1; });
          scene.end();
          H2Client client(std::move(socket));
          const auto answer = client.get("/");
          const bool in_time = now() < came + limits::first_request_max / 2;
          return Outcome{fmt::format("{}, ended: {}", answer.status(), client.finish() == 0u),
                         in_time};
        }) == "200, ended: true");
}

TEST_CASE("clients that say nothing do not keep a master from its end") {
  Scene scene;
  auto plain = scene.gateway().connect();
  auto silent = scene.gateway().connect();
  TlsClient secure(scene.gateway().tls_port());
  wait_until([&] { return scene.gateway().plane().client_connections() == 3; });
  scene.end();
  CHECK(plain.read_to_end() == "");
  CHECK(silent.read_to_end() == "");
  CHECK(secure.socket().read_to_end() == "");
  CHECK(scene.has_ended());
}

}  // namespace tandem::test::first_request_test
