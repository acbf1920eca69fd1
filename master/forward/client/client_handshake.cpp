// How a client that has come in where TLS is spoken becomes one that is served.
#include <fmt/format.h>
#include <openssl/ssl.h>

#include "common/access/refusal_log.hpp"
#include "common/base/log.hpp"
#include "master/forward/client/client_session.hpp"
#include "master/forward/client/limits.hpp"
#include "master/forward/tls/client_identity.hpp"

namespace tandem::master {

namespace {

constexpr char handshake_record = 22;  // what a client's first record is (RFC 8446 §5.1)

constexpr Refusal plain_http{400, "https_expected",
                             "TLS is spoken here: the address begins with https://."};

// As the methods of HTTP begin.
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

// Until the client has said something it costs its socket alone.
Task<Ending> ClientSession::shake_hands() {
  context_.arm(deadline_, context_.timeouts().header_read);
  auto peeking = peek_byte(connection_.socket());
  untouched_ = true;
  const IoResult came = co_await peeking;
  if (!came.ok()) {
    pass_on(came);
    co_return Ending::close;
  }
  untouched_ = false;
  if (peeking.byte() != handshake_record) {
    if (!is_capital(peeking.byte())) co_return Ending::close;
    auto refusing = refuse_plain();
    co_await refusing;
    co_return Ending::close;
  }
  const auto contexts = clients_.tls();  // held until the handshake has ended
  SSL* const ssl = begin_handshake();
  if (ssl == nullptr) co_return Ending::close;
  connection_.secure(
      std::make_unique<TlsSession>(ssl, *connection_.socket().descriptor(), context_.buffers()));
  tls_memory_.emplace(context_.counters());
  auto securing = secure();
  const bool secured = co_await securing;
  deadline_.disarm();
  handshake_.reset();
  auto& counters = context_.counters();
  (secured ? counters.tls_handshakes_done : counters.tls_handshakes_failed).add();
  if (!secured || ending_) co_return Ending::close;
  const bool is_known =
      entrance_->inner ? take_master() : !contexts->asks_for_certificates() || take_certificate();
  if (!is_known) co_return Ending::close;
  tls_memory_->note_done();
  idle_since_ = context_.coarse_now();
  co_return Ending::keep;
}

// Null: it is not known yet whom to believe at the inner address.
SSL* ClientSession::begin_handshake() {
  if (!entrance_->inner) {
    TANDEM_ASSERT(clients_.tls() != nullptr);
    return clients_.tls()->begin();
  }
  const auto& credentials = context_.inner_access().credentials;
  if (credentials == nullptr) return nullptr;
  SSL* const ssl = credentials->begin(tandem::tls::Side::serves).release();
  SSL_set_read_ahead(ssl, 1);
  return ssl;
}

// False: whoever has come to the inner address belongs to this cluster, and is no master.
bool ClientSession::take_master() {
  const auto& credentials = context_.inner_access().credentials;
  if (credentials == nullptr) return false;
  auto peer = credentials->peer_of(connection_.tls()->ssl());
  if (!peer || peer->identity.kind != tandem::tls::Kind::master) {
    refuse_at_inner_address(peer ? fmt::format("it is {}", peer->identity.id())
                                 : peer.error().message);
    return false;
  }
  master_ = std::move(*peer);
  clients_.note_master(*this);
  return true;
}

// It may be a mistake in a unit, or somebody who tries.
void ClientSession::refuse_at_inner_address(const std::string& why) const {
  static thread_local Instant complains_from = Instant::never();
  if (context_.coarse_now() < complains_from) return;
  complains_from = context_.coarse_now() + limits::inner_complaint;
  log::warn("refused at the inner address from={} reason=\"{}\"", address_, why);
}

// False: it has expired since the session began that was resumed.
bool ClientSession::take_certificate() {
  SSL* const ssl = connection_.tls()->ssl();
  certificate_ = tls::client_identity(ssl);
  return tls::is_of_this_time(ssl);
}

// Anybody can fail in any way; but a client that has a certificate may have been meant to be
// served.
void ClientSession::tell_of_failure() {
  static access::RefusalLog refused_certificates("certificate of a client refused");
  auto& tls = *connection_.tls();
  const long verified = SSL_get_verify_result(tls.ssl());
  const std::string why = verified == X509_V_OK
                              ? tls.failure()
                              : fmt::format("its certificate is not accepted: {}",
                                            X509_verify_cert_error_string(verified));
  log::debug("tls handshake failed client={} reason=\"{}\"", address_, why);
  if (entrance_->inner) return refuse_at_inner_address(why);
  if (verified == X509_V_OK) return;
  refused_certificates.refused(address_, why, context_.coarse_now());
}

// The handshake itself. False: it has failed, or took too long, or was given up.
Task<bool> ClientSession::secure() {
  for (;;) {
    while (!clients_.handshakes(*entrance_).take_turn()) {
      Yield others(context_.io());
      co_await others;
    }
    if (!connection_.is_open() || handshake_->is_over() || deadline_.expired()) co_return false;
    const auto step = connection_.tls()->shake_hands();
    if (step == TlsSession::Step::done) co_return true;
    if (step == TlsSession::Step::failed) {
      tell_of_failure();
      co_return false;
    }
    // What is spoken was chosen by the client's hello.
    if (SSL_get_pending_cipher(connection_.tls()->ssl()) != nullptr) handshake_->got_further();
    IoResult ready;
    if (step == TlsSession::Step::wants_write) {
      auto waiting = wait_writable(connection_.socket());
      ready = co_await waiting;
    } else {
      auto waiting = peek_byte(connection_.socket());
      ready = co_await waiting;
    }
    if (!ready.ok()) co_return false;
  }
}

// A browser that was given http:// shows this.
Task<> ClientSession::refuse_plain() {
  handshake_.reset();
  request_ = &context_.borrow_request_head();
  auto refusing = refuse(plain_http);
  co_await refusing;
  context_.give_back(*request_);
  request_ = nullptr;
  auto lingering = linger(Linger::briefly);
  co_await lingering;
}

}  // namespace tandem::master
