// What a peer has said against a handshake that was already done on this side (TLS 1.3).
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>

#include <catch2/catch.hpp>
#include <openssl/ssl.h>

#include "master/forward/io/tls_session.hpp"
#include "test_certificates.hpp"

namespace tandem::test::tls_first_alert_test {

using master::TlsSession;

namespace {

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Connection = std::unique_ptr<SSL, decltype(&SSL_free)>;

constexpr unsigned certificate_required = 116;  // RFC 8446 §6
constexpr std::array request{std::string_view("POST / HTTP/1.1\r\n\r\n")};

// A session, which shows no certificate, and a server that wants one, or does not.
struct Scene {
  explicit Scene(int server_verifies) {
    CertificateDirectory directory;
    const auto shown = directory.make("shown", {"worker.example"});
    REQUIRE(SSL_CTX_use_certificate_chain_file(context.get(), shown.certificate.c_str()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey_file(context.get(), shown.key.c_str(), SSL_FILETYPE_PEM) == 1);
    SSL_CTX_set_verify(context.get(), server_verifies, nullptr);
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    server.reset(SSL_new(context.get()));
    SSL_set_fd(server.get(), ends[1]);
    SSL* const client = SSL_new(for_client.get());
    SSL_set_connect_state(client);
    descriptor.fd = ends[0];
    session = std::make_unique<TlsSession>(client, descriptor, pool);
  }
  ~Scene() {
    session.reset();
    ::close(ends[0]);
    close_server();
  }
  TlsSession::Step shake_hands() {
    descriptor.readable = true;
    return session->shake_hands();
  }
  // This side's part; the server has not read the last of it.
  void do_handshake() {
    REQUIRE(shake_hands() == TlsSession::Step::wants_read);
    SSL_accept(server.get());
    REQUIRE(shake_hands() == TlsSession::Step::done);
  }
  void close_server() {
    if (ends[1] >= 0) ::close(std::exchange(ends[1], -1));
  }
  master::IoResult read() {
    std::array<char, 64> room;
    descriptor.readable = true;
    return session->read(room);
  }

  int ends[2] = {-1, -1};
  Context context{SSL_CTX_new(TLS_server_method()), &SSL_CTX_free};
  Context for_client{SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
  Connection server{nullptr, &SSL_free};
  master::Descriptor descriptor;
  master::BufferPool pool;
  std::unique_ptr<TlsSession> session;
};

constexpr int demands = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;

}  // namespace

TEST_CASE("an alert that refuses this side is known when the answer is read") {
  Scene scene(demands);
  scene.do_handshake();
  CHECK(scene.session->write(request).ok());
  CHECK(SSL_accept(scene.server.get()) != 1);
  CHECK_FALSE(scene.read().ok());
  CHECK(scene.session->first_alert() == certificate_required);
}

TEST_CASE("an alert that refuses this side is known when the request cannot be written any more") {
  Scene scene(demands);
  scene.do_handshake();
  CHECK(SSL_accept(scene.server.get()) != 1);
  scene.close_server();
  CHECK_FALSE(scene.session->write(request).ok());
  CHECK(scene.session->first_alert() == certificate_required);
}

TEST_CASE("a peer that closes without a word has refused nothing") {
  Scene scene(SSL_VERIFY_NONE);
  scene.do_handshake();
  CHECK(SSL_accept(scene.server.get()) == 1);
  scene.close_server();
  CHECK_FALSE(scene.session->write(request).ok());
  CHECK(scene.session->first_alert() == 0);
}

TEST_CASE("an alert after the first byte of an answer refuses nothing") {
  Scene scene(SSL_VERIFY_NONE);
  scene.do_handshake();
  REQUIRE(SSL_accept(scene.server.get()) == 1);
  CHECK(SSL_write(scene.server.get(), "x", 1) == 1);
  CHECK(scene.read().bytes == 1);
  // What is no record is answered with an alert.
  REQUIRE(::write(scene.ends[0], std::array<char, 64>{}.data(), 64) == 64);
  std::array<char, 8> room;
  CHECK(SSL_read(scene.server.get(), room.data(), room.size()) <= 0);
  CHECK_FALSE(scene.read().ok());
  CHECK(scene.session->first_alert() == 0);
}

}  // namespace tandem::test::tls_first_alert_test
