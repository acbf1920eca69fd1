// client_authority.hpp: whose certificates clients are asked for (--client-ca), and whether they
// may have none.
//
// Immutable once loaded, and shared by all loops. The file may hold several authorities, so that
// one can follow another. Each counts for itself, whoever has signed it: an intermediate alone
// vouches for its own clients. One that has expired is warned of, since it vouches for nobody.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <openssl/types.h>

#include "common/base/result.hpp"

namespace tandem::master::tls {

struct ClientAuthoritySpec {
  std::string file;      // PEM; empty: clients are asked for nothing
  bool required = true;  // who has no certificate is not served

  friend bool operator==(const ClientAuthoritySpec&, const ClientAuthoritySpec&) = default;
};

class ClientAuthority {
 public:
  // Null when the spec names no file. Errors: `invalid`, with the file: it cannot be read, or a
  // certificate there is none of an authority, nor one that stands for itself.
  static Result<std::shared_ptr<const ClientAuthority>> load(const ClientAuthoritySpec& spec);

  // From now on this context asks its clients for a certificate of this authority. Sessions that
  // began before another authority are not resumed. False: OpenSSL refuses one of them.
  bool install(SSL_CTX* context) const;

 private:
  ClientAuthority() = default;

  std::vector<std::shared_ptr<X509>> certificates_;
  std::string session_context_;
  bool required_ = true;
};
using ClientAuthorityPtr = std::shared_ptr<const ClientAuthority>;

}  // namespace tandem::master::tls
