#include "common/base/token_file.hpp"

#include <fmt/format.h>

#include "common/base/limits.hpp"
#include "common/base/small_file.hpp"

namespace tandem {

namespace {

constexpr std::string_view white_space = " \t\r\n";
// RFC 6750 §2.1: b64token.
constexpr std::string_view token_characters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(white_space);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(white_space) - begin + 1);
}

}  // namespace

Result<std::string> read_token_file(const std::string& path, std::string_view field) {
  const auto refuse = [&](std::string_view why) {
    return invalid(fmt::format("{}: {} {}", field, path, why), std::string(field));
  };
  const auto content = read_private_file(path, limits::config_bytes_max);
  if (!content.ok()) return refuse(content.error().message);
  const auto token = trimmed(*content);
  if (token.size() < limits::token_bytes_min || token.size() > limits::token_bytes_max) {
    return refuse(fmt::format("must hold a token of {} to {} characters", limits::token_bytes_min,
                              limits::token_bytes_max));
  }
  if (token.find_first_not_of(token_characters) != token.npos) {
    return refuse("must hold one token of the characters A-Z a-z 0-9 - . _ ~ + / =");
  }
  return std::string(token);
}

std::string bearer(std::string_view token) { return fmt::format("Bearer {}", token); }

}  // namespace tandem
