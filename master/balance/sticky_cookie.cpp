#include "master/balance/sticky_cookie.hpp"

#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/base/assert.hpp"

namespace tandem::master {

namespace {
constexpr std::size_t value_bytes = 12;
}

StickyCookie::StickyCookie(std::string name, std::string secret)
    : name_(std::move(name)), secret_(derived(std::move(secret))) {}

std::string StickyCookie::derived(std::string secret) {
  return "tandem sticky cookie " + std::move(secret);
}

StickyCookie StickyCookie::renamed(std::string name) const {
  auto renamed = *this;
  renamed.name_ = std::move(name);
  return renamed;
}

std::string StickyCookie::value_for(std::string_view worker) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto* made = HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
                          reinterpret_cast<const unsigned char*>(worker.data()), worker.size(),
                          digest.data(), &size);
  TANDEM_ASSERT(made != nullptr && size >= value_bytes);
  std::string value;
  for (std::size_t i = 0; i < value_bytes; ++i) value += fmt::format("{:02x}", digest[i]);
  return value;
}

std::string StickyCookie::set_cookie(std::string_view value) const {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Lax", name_, value);
}

}  // namespace tandem::master
