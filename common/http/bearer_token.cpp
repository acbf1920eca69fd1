#include "common/http/bearer_token.hpp"

#include "common/base/constant_time.hpp"
#include "common/base/token_file.hpp"
#include "common/http1/field_text.hpp"

namespace tandem {

Result<BearerToken> BearerToken::load(const std::filesystem::path& path) {
  auto token = read_token_file(path.string(), "--token-file");
  if (!token) return token.error();
  return BearerToken(std::move(*token));
}

bool BearerToken::admits(std::string_view authorization) const {
  const auto space = authorization.find(' ');
  if (space == authorization.npos ||
      !equal_ignoring_case(authorization.substr(0, space), "bearer")) {
    return false;
  }
  return equal_in_constant_time(trimmed(authorization.substr(space)), token_);
}

}  // namespace tandem
