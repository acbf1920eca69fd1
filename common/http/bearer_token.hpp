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
  // Errors: `invalid`, naming --token-file: the file cannot be read, is not a regular file, or is
  // readable by others; the token is shorter than limits::token_bytes_min, longer than
  // token_bytes_max, or has other characters than a token has.
  static Result<BearerToken> load(const std::filesystem::path& path);
  // Of a token that was read already.
  static BearerToken of(std::string token) { return BearerToken(std::move(token)); }

  // `authorization`: the value of the field, "Bearer TOKEN". The time that this takes reveals
  // nothing of the token but its length.
  bool admits(std::string_view authorization) const;

 private:
  explicit BearerToken(std::string token) : token_(std::move(token)) {}

  std::string token_;
};

}  // namespace tandem
