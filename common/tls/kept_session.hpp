// kept_session.hpp: the newest TLS session with one member of the cluster, by which the next
// connection to it begins without certificates and signatures.
//
// A session is as good as the check that it began with. So it is used only together with the very
// credentials by which the peer was checked: once the files of authorities or revocations were read
// again, the next handshake is a full one; and only while the peer's certificate holds. The keys of
// each connection are fresh all the same (psk_dhe_ke, RFC 8446 §2.2). Thread-safe.
#pragma once

#include <memory>
#include <utility>

#include "common/base/mutex.hpp"
#include "common/tls/credentials.hpp"
#include "common/tls/openssl.hpp"
#include "common/tls/pem.hpp"

namespace tandem::tls {

class KeptSession {
 public:
  // A session of a connection that `checked_by` began.
  void keep(SSL_SESSION* session, CredentialsPtr checked_by) {
    const Lock lock(mutex_);
    // A copy, for OpenSSL marks its own when the connection ends otherwise than it should.
    session_.reset(SSL_SESSION_dup(session));
    checked_by_ = std::move(checked_by);
  }

  // The handshake of `ssl`, which `credentials` has begun, may be a short one if there is a session
  // that counts.
  void resume(SSL* ssl, const CredentialsPtr& credentials, WallTime now) const {
    const Lock lock(mutex_);
    if (!is_good(credentials, now)) return;
    const SessionPtr copy(SSL_SESSION_dup(session_.get()));
    SSL_set_session(ssl, copy.get());
  }

  bool can_resume(const CredentialsPtr& credentials, WallTime now) const {
    const Lock lock(mutex_);
    return is_good(credentials, now);
  }

 private:
  using SessionPtr = std::unique_ptr<SSL_SESSION, Freed<&SSL_SESSION_free>>;

  bool is_good(const CredentialsPtr& credentials, WallTime now) const TANDEM_REQUIRES(mutex_) {
    if (session_ == nullptr || checked_by_ != credentials) return false;
    const auto* const peer = SSL_SESSION_get0_peer(session_.get());
    const WallTime ends(std::chrono::seconds(SSL_SESSION_get_time(session_.get()) +
                                             SSL_SESSION_get_timeout(session_.get())));
    return peer != nullptr && expires(peer) > now && ends > now;
  }

  mutable Mutex mutex_;
  SessionPtr session_ TANDEM_GUARDED_BY(mutex_);
  CredentialsPtr checked_by_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem::tls
