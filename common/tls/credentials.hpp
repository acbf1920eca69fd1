// credentials.hpp: what a member of a cluster has to prove who it is, and to see who others are:
// the files of --cluster-ca, --cluster-cert, --cluster-key and --cluster-revoked, read and checked
// as a whole.
//
// A connection is TLS 1.3, with certificates on both sides, and begins with a full check, but for
// those of masters to workers, which may resume one (kept_session.hpp). Whoever's certificate is by
// the authority, of the same cluster, valid and not revoked is who it says; whether it may do what
// it asks for is decided elsewhere.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "common/base/mutex.hpp"
#include "common/base/result.hpp"
#include "common/tls/pem.hpp"

namespace tandem::tls {

struct ClusterFiles {
  std::string authority{};    // --cluster-ca: one certificate or, while it is replaced, several
  std::string certificate{};  // --cluster-cert: the own one, then those that lead to the authority
  std::string key{};          // --cluster-key: private to its owner, without a passphrase
  std::string revoked{};      // --cluster-revoked; empty: nothing is revoked

  // False: there is no TLS inside the cluster.
  bool is_given() const { return !authority.empty() || !certificate.empty() || !key.empty(); }
  // Errors: `invalid`: some of the first three are given, and not all; or the last one alone.
  Result<> validate() const;
};

enum class Side { calls, serves };
// Whether sessions are resumed: the side that serves gives tickets, which are good while it goes by
// the same credentials.
enum class Resumption { never, by_tickets };

class KeptSession;
class ShownChain;

// What becomes of a certificate that has ended, or is not valid yet. Whoever starts with one cannot
// talk to others, but does all else, and takes the next one without a restart.
enum class OutOfTime { refused, accepted };

// Who is at the other end.
struct Peer {
  Identity identity;
  WallTime expires;
  std::string key_digest;
  std::shared_ptr<ShownChain> shown{};  // null: its authority is not looked at again
};

// Immutable, and shared between threads.
class ClusterCredentials : public std::enable_shared_from_this<ClusterCredentials> {
 public:
  // Errors: `invalid`, beginning with the flag and the file: it cannot be read, holds nothing that
  // can be used, the key is readable by others or not that of the certificate, the certificate is
  // not by the authority, has no identity, is not of this time (unless that is `accepted`) or is
  // revoked. Blocks for the disk.
  static Result<std::shared_ptr<const ClusterCredentials>> load(
      const ClusterFiles& files, WallTime now, OutOfTime out_of_time = OutOfTime::refused);

  const Identity& identity() const { return identity_; }
  WallTime begins() const { return begins_; }
  WallTime expires() const { return expires_; }
  // Why nobody accepts the certificate now, a few words: "has ended on 2027-01-31 12:00 UTC";
  // empty: it is of this time.
  std::string why_out_of_time(WallTime now) const;
  bool is_revoked(std::string_view key_digest) const { return revoked_.contains(key_digest); }
  std::size_t revocations() const { return revoked_.size(); }
  // A digest of the certificates of all authorities that count.
  const std::string& authorities() const { return authorities_; }
  // Whether others are shown the same certificate by these.
  bool shows_the_same(const ClusterCredentials& others) const;
  // Why a handshake would refuse the certificate of a peer with those `between` it and the
  // authority, a few words; empty: it would not.
  std::string why_refused(X509* certificate, STACK_OF(X509) * between, Side shown_by) const;

  // For one connection, which keeps these credentials. Its owner says what it reads from and
  // writes to.
  SslPtr begin(Side side) const;
  // The same, over that descriptor, which the caller closes.
  SslPtr begin(int descriptor, Side side, Resumption resumption = Resumption::never) const;
  // To a server that gives tickets, as the next part of what `kept` has begun.
  SslPtr begin_again(const std::shared_ptr<KeptSession>& kept, WallTime now) const;
  // REQUIRES: the handshake is done. Errors: `invalid`, a sentence.
  Result<Peer> peer_of(SSL* ssl) const;

 private:
  ClusterCredentials() = default;

  enum class Dates { count, ignored };
  Result<> read(const ClusterFiles& files, WallTime now, OutOfTime out_of_time);
  std::string verify(X509* certificate, STACK_OF(X509) * between, Side shown_by, Dates dates) const;
  Result<> read_authorities(const std::string& file);
  Result<> read_revoked(const std::string& file);
  static int check(int preverified, X509_STORE_CTX* chain);
  static int keep(SSL* ssl, SSL_SESSION* session);

  ContextPtr context_;
  Identity identity_;
  WallTime begins_;
  WallTime expires_;
  std::string authority_out_of_time_;  // as of when it was loaded
  std::string authorities_;
  std::set<std::string, std::less<>> revoked_;
};

using CredentialsPtr = std::shared_ptr<const ClusterCredentials>;

// The credentials that connections begin with from now on. Thread-safe.
class CurrentCredentials {
 public:
  explicit CurrentCredentials(CredentialsPtr first) : current_(std::move(first)) {}

  CredentialsPtr get() const;
  // Connections that are open are looked at again by those who have them.
  void set(CredentialsPtr next);

 private:
  mutable Mutex mutex_;
  CredentialsPtr current_ TANDEM_GUARDED_BY(mutex_);
};

using CurrentCredentialsPtr = std::shared_ptr<CurrentCredentials>;

// Why a peer that was let in is so no longer, a few words; empty: nothing has changed.
std::string why_not(const Peer& peer, const ClusterCredentials& credentials, WallTime now);

}  // namespace tandem::tls
