#include "common/base/secret.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <array>
#include <span>
#include <vector>

#include "common/base/assert.hpp"
#include "common/base/hex.hpp"

namespace tandem {

namespace {

std::string hex(std::span<const unsigned char> bytes) {
  return to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

std::string random_hex(std::size_t bytes) {
  TANDEM_ASSERT(bytes > 0 && bytes <= 256);  // one call returns that much, or fails
  std::vector<unsigned char> random(bytes);
  const auto got = ::getrandom(random.data(), random.size(), 0);
  TANDEM_ASSERT(got == static_cast<ssize_t>(random.size()));
  return hex(random);
}

std::string keyed_digest(std::string_view key, std::string_view text, std::size_t bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto* made =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  TANDEM_ASSERT(made != nullptr);
  TANDEM_ASSERT(bytes > 0 && bytes <= size);
  return hex({digest.data(), bytes});
}

std::string digest(std::string_view text) {
  // Fetched once: looking an algorithm up costs more than the digest of a short text.
  static const auto* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  const int made = EVP_Digest(text.data(), text.size(), bytes.data(), &size, sha256, nullptr);
  TANDEM_ASSERT(made == 1);
  return hex({bytes.data(), size});
}

}  // namespace tandem
