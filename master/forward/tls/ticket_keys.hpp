// ticket_keys.hpp: what session tickets are encrypted with, so that a client that comes again saves
// a round trip and an operation with the private key (RFC 5077, RFC 8446 §2.2).
//
// A ring of keys, the one that encrypts first; the others still decrypt, and what they decrypt is
// answered with a new ticket. All loops have the same ring, so that a client may come to any. It
// exists in memory alone. Immutable; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include <openssl/types.h>

namespace tandem::master::tls {

struct TicketKey {
  std::array<unsigned char, 16> name;  // stands in the ticket, in clear
  std::array<unsigned char, 32> cipher;
  std::array<unsigned char, 32> mac;

  // At random.
  static TicketKey make();
};

class TicketKeys {
 public:
  // A new key in front of those of `before` that are kept; null: there are none.
  static std::shared_ptr<const TicketKeys> make(const TicketKeys* before = nullptr);
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // Has `context` use them; they outlive its handshakes.
  void install(SSL_CTX* context) const;

 private:
  TicketKeys() = default;
  static int take(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac, int encrypts);

  static constexpr std::size_t generations = 3;
  std::vector<TicketKey> keys_;
};

}  // namespace tandem::master::tls
