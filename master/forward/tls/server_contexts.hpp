// server_contexts.hpp: what one loop accepts TLS connections with: an SSL_CTX for each certificate,
// of which the client's server name (SNI) chooses one.
//
// Each loop has its own, so that handshakes at different loops share none; all are made from the
// same certificates and ticket keys. They are replaced as a whole, never changed: a handshake
// keeps those alive that it began with. TLS 1.2 and 1.3, by OpenSSL's defaults for security level
// 2; no renegotiation, no compression; HTTP/2 only with what RFC 9113 §9.2 permits.
// Owner: the loop, once made.
#pragma once

#include <memory>
#include <vector>

#include <openssl/types.h>

#include "common/base/result.hpp"
#include "master/forward/tls/certificate.hpp"
#include "master/forward/tls/client_authority.hpp"
#include "master/forward/tls/name_table.hpp"
#include "master/forward/tls/ticket_keys.hpp"

namespace tandem::master::tls {

// What clients are shown: at least one certificate; those who ask for none of them get the first
// that is of this time, or the first.
struct CertificateSet {
  std::vector<Certificate> certificates;
  std::shared_ptr<const TicketKeys> ticket_keys;
  ClientAuthorityPtr client_authority{};  // null: clients are asked for no certificate
};
using CertificateSetPtr = std::shared_ptr<const CertificateSet>;

class ServerContexts {
 public:
  // `http2`: clients may choose it. Errors: `invalid`: OpenSSL refuses a certificate, as too weak.
  static Result<std::shared_ptr<const ServerContexts>> make(CertificateSetPtr certificates,
                                                            bool http2);
  // Whether make() would refuse them. The keys of tickets do not matter.
  static Result<> check(const CertificateSet& certificates);
  ServerContexts(const ServerContexts&) = delete;
  ServerContexts& operator=(const ServerContexts&) = delete;

  // A connection that waits for a client's first message. The caller owns it, and keeps this until
  // the handshake has ended.
  SSL* begin() const;
  // Clients are asked for a certificate.
  bool asks_for_certificates() const { return certificates_->client_authority != nullptr; }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const;
  };
  using ContextPtr = std::unique_ptr<SSL_CTX, Free>;

  ServerContexts(CertificateSetPtr certificates, bool http2);
  Result<> add_all();
  Result<> add(const Certificate& certificate);
  std::size_t certificate_for(const char* host) const;
  static int choose_certificate(SSL* ssl, int* alert, void* self);
  static int staple(SSL* ssl, void* certificate);
  static int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                             const unsigned char* offered, unsigned offered_size, void* self);

  const CertificateSetPtr certificates_;
  const bool http2_;
  std::vector<ContextPtr> contexts_;
  NameTable names_;
};

using ServerContextsPtr = std::shared_ptr<const ServerContexts>;

}  // namespace tandem::master::tls
