#include "common/http/bearer_token.hpp"

#include <algorithm>

#include "common/base/constant_time.hpp"
#include "common/base/token_file.hpp"

namespace tandem {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t";  // RFC 9110 §5.6.3
  const auto begin = text.find_first_not_of(blanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

bool is_bearer(std::string_view scheme) {
  constexpr std::string_view expected = "bearer";
  return std::equal(scheme.begin(), scheme.end(), expected.begin(), expected.end(),
                    [](char c, char lower) { return (c | 0x20) == lower; });
}

}  // namespace

Result<BearerToken> BearerToken::load(const std::filesystem::path& path) {
  auto token = read_token_file(path.string(), "--token-file");
  if (!token) return token.error();
  return BearerToken(std::move(*token));
}

bool BearerToken::admits(std::string_view authorization) const {
  const auto space = authorization.find(' ');
  if (space == authorization.npos || !is_bearer(authorization.substr(0, space))) return false;
  return equal_in_constant_time(trimmed(authorization.substr(space)), token_);
}

}  // namespace tandem
