// worker_tls.hpp: TLS towards workers: whose certificates count, for which name, and what is shown
// to them. The settings of a service say that (upstream_tls and others); or the worker belongs to
// this cluster, and is the one that its certificate of the cluster says. Another master, to which
// requests are passed on, is spoken to in the same way.
//
// Made from files where the settings change, and again when an operator says so. What is wrong with
// a file is known here, and every connection fails with it, so that it is told where the worker's
// state is. Shared by all who connect; sessions with workers of the cluster are resumed
// (kept_session.hpp), others are not. Any thread.
#pragma once

#include <memory>
#include <string>

#include "common/base/time.hpp"
#include "common/tls/credentials.hpp"
#include "common/tls/openssl.hpp"

namespace tandem::tls {

struct WorkerTlsSpec {
  std::string authority{};    // a file in PEM; empty: those of the system
  std::string name{};         // of the certificate, and in SNI; empty: the worker's address
  std::string certificate{};  // CERTIFICATE.pem,KEY.pem that is shown; empty: none

  friend bool operator==(const WorkerTlsSpec&, const WorkerTlsSpec&) = default;
};

class WorkerTls {
 public:
  // Blocks for the disk.
  static std::shared_ptr<const WorkerTls> load(const WorkerTlsSpec& spec);
  // To the worker of that name alone, with the certificates of the cluster on both sides.
  static std::shared_ptr<const WorkerTls> to_member(CurrentCredentialsPtr credentials,
                                                    std::string worker);

  // To the master of that name, likewise.
  static std::shared_ptr<const WorkerTls> to_master(CurrentCredentialsPtr credentials,
                                                    std::string master);

  const WorkerTlsSpec& spec() const { return spec_; }
  // Why no connection can be made, a few words; empty: it can.
  const std::string& problem() const { return problem_; }

  enum class Speaks { http1, http2 };
  // A connection to a worker at that numeric address that is about to begin its handshake. Null:
  // there is a problem.
  SslPtr begin(const std::string& address, Speaks protocol) const;
  // The next handshake can be a short one, or never is.
  bool is_prepared() const;
  // Why the handshake has failed, or what was agreed on is not enough; empty: all is well.
  // `failure`: what OpenSSL says; empty: it is done.
  std::string judge(SSL* ssl, Speaks protocol, const std::string& failure) const;
  // For how much longer the worker's certificate holds, a year at most.
  static Duration time_left(const SSL* ssl);

 private:
  explicit WorkerTls(WorkerTlsSpec spec) : spec_(std::move(spec)) {}
  static std::shared_ptr<WorkerTls> to(Kind kind, CurrentCredentialsPtr credentials,
                                       std::string member);
  std::string read();
  SslPtr begin_anew(const std::string& address) const;
  SslPtr begin_inside() const;
  std::string judge_identity(const SSL* ssl) const;

  const WorkerTlsSpec spec_;
  ContextPtr context_;
  std::string problem_;
  CurrentCredentialsPtr credentials_;  // null: by the settings of its service
  Kind kind_ = Kind::worker;           // of the member in the cluster, and its name
  std::string member_;
  std::shared_ptr<KeptSession> session_;  // null: every handshake is a full one
};

using WorkerTlsPtr = std::shared_ptr<const WorkerTls>;

}  // namespace tandem::tls
