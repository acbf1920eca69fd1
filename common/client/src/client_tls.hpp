// client_tls.hpp: TLS towards the masters' client addresses: whose certificates count, and for
// which name. They are verified, always.
//
// Immutable, and shared by all connections. Any thread.
#pragma once

#include <memory>
#include <string>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/tls/openssl.hpp"
#include "tandem/client.hpp"

namespace tandem::client {

class ClientTls {
 public:
  // Null without options.tls. Errors: `invalid`, naming the option. Blocks for the disk.
  static Result<std::shared_ptr<const ClientTls>> load(const ClientOptions& options);

  // A connection to that master that is about to begin its handshake, over a connected socket that
  // does not block, and which the caller closes.
  tls::SslPtr begin(const Endpoint& master, int socket) const;

 private:
  ClientTls() = default;

  tls::ContextPtr context_;
  std::string name_;  // empty: the host of each address
};

using ClientTlsPtr = std::shared_ptr<const ClientTls>;

// Why the handshake of `ssl` has failed, in words. REQUIRES: it has, just now
std::string why_not_secure(const SSL* ssl);

}  // namespace tandem::client
