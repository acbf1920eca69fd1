// ticket_keys.hpp: what session tickets are encrypted with, so that a client that comes again saves
// a round trip and an operation with the private key (RFC 5077, RFC 8446 §2.2).
//
// One key encrypts; the others decrypt too, and what they decrypt is answered with a new ticket.
// All loops have the same keys, and so do all masters (ticket_ring.hpp), so that a client may come
// to any. They exist in memory alone. Immutable; any thread.
#pragma once

#include <memory>
#include <vector>

#include <openssl/types.h>

#include "master/forward/tls/ticket_ring.hpp"

namespace tandem::master::tls {

class TicketKeys {
 public:
  static std::shared_ptr<const TicketKeys> make(const TicketRing& ring);
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // Has `context` use them; they outlive its handshakes.
  void install(SSL_CTX* context) const;

 private:
  TicketKeys() = default;
  static int take(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac, int encrypts);

  std::vector<TicketKey> keys_;  // the one that encrypts first
};

}  // namespace tandem::master::tls
