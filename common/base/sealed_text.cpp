#include "common/base/sealed_text.hpp"

#include <array>
#include <span>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "common/base/assert.hpp"
#include "common/base/hex.hpp"

namespace tandem {

namespace {

constexpr std::size_t key_bytes = 32;
constexpr std::size_t tag_bytes = 16;
constexpr std::array<unsigned char, 12> nonce{};

using Key = std::array<unsigned char, key_bytes>;
using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

struct Secret {
  Key bytes{};
  Secret() = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

unsigned char* bytes_of(std::string_view text) {
  return const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(text.data()));
}

std::string digits_of(std::span<const unsigned char> bytes) {
  return to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// X25519. False: a point from which nothing secret follows.
bool agree(EVP_PKEY* own, std::string_view theirs, Secret& agreed) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> peer(
      EVP_PKEY_new_raw_public_key_ex(nullptr, "X25519", nullptr, bytes_of(theirs), theirs.size()),
      &EVP_PKEY_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_pkey(nullptr, own, nullptr), &EVP_PKEY_CTX_free);
  TANDEM_ASSERT(context != nullptr);
  std::size_t size = agreed.bytes.size();
  return peer != nullptr && EVP_PKEY_derive_init(context.get()) == 1 &&
         EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1 &&
         EVP_PKEY_derive(context.get(), agreed.bytes.data(), &size) == 1 &&
         size == agreed.bytes.size();
}

void derive(const Secret& agreed, std::string_view secret, std::string_view info, Secret& key) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> hkdf(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr), &EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      EVP_KDF_CTX_new(hkdf.get()), &EVP_KDF_CTX_free);
  TANDEM_ASSERT(context != nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM settings[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(
          OSSL_KDF_PARAM_KEY, const_cast<unsigned char*>(agreed.bytes.data()), agreed.bytes.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, bytes_of(secret), secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, bytes_of(info), info.size()),
      OSSL_PARAM_END};
  const int derived = EVP_KDF_derive(context.get(), key.bytes.data(), key.bytes.size(), settings);
  TANDEM_ASSERT(derived == 1);
}

std::string info_of(std::string_view purpose, std::string_view sender, std::string_view receiver) {
  std::string info(purpose);
  info.append(" from ").append(sender).append(" to ").append(receiver);
  return info;
}

}  // namespace

SealingKey::SealingKey() : pair_(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"), &EVP_PKEY_free) {
  TANDEM_ASSERT(pair_ != nullptr);
  std::array<unsigned char, digits / 2> bytes{};
  std::size_t size = bytes.size();
  TANDEM_ASSERT(EVP_PKEY_get_raw_public_key(pair_.get(), bytes.data(), &size) == 1);
  public_ = digits_of(bytes);
}

std::optional<std::string> SealingKey::seal(std::string_view theirs, std::string_view secret,
                                            std::string_view purpose, std::string_view text) const {
  const auto peer = from_hex(theirs);
  Secret agreed;
  if (!peer || !agree(pair_.get(), *peer, agreed)) return std::nullopt;
  Secret key;
  derive(agreed, secret, info_of(purpose, public_, theirs), key);
  const CipherPtr cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  std::string sealed(text.size() + tag_bytes, '\0');
  int size = 0;
  int more = 0;
  const bool done = EVP_EncryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), key.bytes.data(),
                                        nonce.data(), nullptr) == 1 &&
                    EVP_EncryptUpdate(cipher.get(), bytes_of(sealed), &size, bytes_of(text),
                                      static_cast<int>(text.size())) == 1 &&
                    EVP_EncryptFinal_ex(cipher.get(), bytes_of(sealed) + size, &more) == 1 &&
                    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes,
                                        bytes_of(sealed) + text.size()) == 1;
  TANDEM_ASSERT(done);
  return to_hex(sealed);
}

std::optional<std::string> SealingKey::open(std::string_view theirs, std::string_view secret,
                                            std::string_view purpose,
                                            std::string_view sealed) const {
  const auto peer = from_hex(theirs);
  const auto bytes = from_hex(sealed);
  Secret agreed;
  if (!peer || !bytes || bytes->size() < tag_bytes || !agree(pair_.get(), *peer, agreed)) {
    return std::nullopt;
  }
  Secret key;
  derive(agreed, secret, info_of(purpose, theirs, public_), key);
  const CipherPtr cipher(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  std::string text(bytes->size() - tag_bytes, '\0');
  int size = 0;
  int more = 0;
  const bool opened = EVP_DecryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), key.bytes.data(),
                                          nonce.data(), nullptr) == 1 &&
                      EVP_DecryptUpdate(cipher.get(), bytes_of(text), &size, bytes_of(*bytes),
                                        static_cast<int>(text.size())) == 1 &&
                      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes,
                                          bytes_of(*bytes) + text.size()) == 1 &&
                      EVP_DecryptFinal_ex(cipher.get(), bytes_of(text) + size, &more) == 1;
  if (!opened) return std::nullopt;
  return text;
}

}  // namespace tandem
