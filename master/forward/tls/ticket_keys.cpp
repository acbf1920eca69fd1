#include "master/forward/tls/ticket_keys.hpp"

#include <algorithm>
#include <cstring>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "common/base/assert.hpp"

namespace tandem::master::tls {

namespace {

bool set_up_mac(EVP_MAC_CTX* mac, const TicketKey& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM settings[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
                                        const_cast<unsigned char*>(key.mac.data()), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};
  return EVP_MAC_CTX_set_params(mac, settings) == 1;
}

}  // namespace

std::shared_ptr<const TicketKeys> TicketKeys::make(const TicketRing& ring) {
  std::shared_ptr<TicketKeys> made(new TicketKeys());
  made->keys_.reserve(ring.keys().size());
  made->keys_.push_back(ring.current());
  for (const auto& key : ring.keys()) {
    if (!(key == ring.current())) made->keys_.push_back(key);
  }
  return made;
}

void TicketKeys::install(SSL_CTX* context) const {
  SSL_CTX_set_app_data(context, const_cast<TicketKeys*>(this));
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &take);
}

// As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) has it: 1: use it; 2: use it, and send a new ticket;
// 0: that key is not known; -1: no ticket, and no connection.
int TicketKeys::take(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                     EVP_MAC_CTX* mac, int encrypts) {
  const auto& keys =
      static_cast<const TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->keys_;
  const auto* const algorithm = EVP_aes_256_cbc();
  if (encrypts == 1) {
    const auto& key = keys.front();
    std::memcpy(name, key.name.data(), key.name.size());
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(algorithm)) != 1 ||
        EVP_EncryptInit_ex2(cipher, algorithm, key.cipher.data(), iv, nullptr) != 1) {
      return -1;
    }
    return set_up_mac(mac, key) ? 1 : -1;
  }
  const auto known = std::find_if(keys.begin(), keys.end(), [name](const TicketKey& key) {
    return std::memcmp(key.name.data(), name, key.name.size()) == 0;
  });
  if (known == keys.end()) return 0;
  if (EVP_DecryptInit_ex2(cipher, algorithm, known->cipher.data(), iv, nullptr) != 1 ||
      !set_up_mac(mac, *known)) {
    return -1;
  }
  return known == keys.begin() ? 1 : 2;
}

}  // namespace tandem::master::tls
