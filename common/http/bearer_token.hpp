// bearer_token.hpp: the secret that callers of the control API share (RFC 6750), from --token-file.
//
// It is read from a file that its owner alone can read, compared in constant time, and never
// logged: no sentence of an error quotes it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

class BearerToken {
 public:
  // Reads the token, without the white space around it.
  // Errors: `invalid`, naming --token-file: cannot be read, no regular file, readable by others,
  // shorter than limits::token_bytes_min or longer than token_bytes_max, other characters than a
  // token has.
  static Result<BearerToken> load(const std::filesystem::path& path);
  // A token that was read already.
  static BearerToken of(std::string token) { return BearerToken(std::move(token)); }

  // `authorization`: the value of the field, "Bearer TOKEN". The time taken tells nothing of the
  // token but its length.
  bool admits(std::string_view authorization) const;

 private:
  explicit BearerToken(std::string token) : token_(std::move(token)) {}

  std::string token_;
};

}  // namespace tandem
