#include "master/discovery/base64.hpp"

#include <algorithm>
#include <cctype>

#include <openssl/evp.h>

namespace tandem::master {

std::string to_base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a zero
  const auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                    reinterpret_cast<const unsigned char*>(bytes.data()),
                                    static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  // OpenSSL would leave out white space.
  const auto padding = text.ends_with("==") ? 2u : text.ends_with('=') ? 1u : 0u;
  const auto digits = text.substr(0, text.size() - padding);
  const bool is_one =
      text.size() % 4 == 0 && std::all_of(digits.begin(), digits.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/';
      });
  if (!is_one) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const auto size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()));
  if (size < 0 || static_cast<std::size_t>(size) < padding) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

}  // namespace tandem::master
