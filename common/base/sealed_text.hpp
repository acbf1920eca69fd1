// sealed_text.hpp: a text that one process sends another so that nobody else can read it, neither
// who records what is sent and later gets hold of a secret that is on disks, nor who has the secret
// alone.
//
// Both have a key pair (X25519, RFC 7748) that exists in memory only, and know a secret in common,
// which proves to each that it is the other who answers. The text is encrypted with a key of both:
//
//   key = HKDF-SHA-256(X25519(own, theirs), salt = secret, info = purpose, public keys of both)
//   sealed = AES-256-GCM(key, nonce 0, text)
//
// The sender has a new pair for each text, so that no key encrypts twice. Not withstood: who has
// the secret and can alter what is sent. Texts and keys are in lower-case hexadecimal digits; any
// thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <openssl/types.h>

namespace tandem {

class SealingKey {
 public:
  static constexpr std::size_t digits = 64;  // of a public key

  SealingKey();  // a new pair

  const std::string& public_key() const { return public_; }
  // For the one whose public key is `theirs`. Nothing: `theirs` is no public key. REQUIRES: seals
  // once
  std::optional<std::string> seal(std::string_view theirs, std::string_view secret,
                                  std::string_view purpose, std::string_view text) const;
  // What the one whose public key is `theirs` has sealed. Nothing: it was not sealed for this pair,
  // with that secret, for that purpose, or is damaged.
  std::optional<std::string> open(std::string_view theirs, std::string_view secret,
                                  std::string_view purpose, std::string_view sealed) const;

 private:
  std::shared_ptr<EVP_PKEY> pair_;
  std::string public_;
};

}  // namespace tandem
