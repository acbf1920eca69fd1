// token_file.hpp: the secret that callers of the control API share (RFC 6750), from --token-file.
//
// It comes from a file that only its owner can read, never from a command line, where every user of
// the machine could see it. No error message quotes it.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

// The token, without the white space around it. Errors: `invalid`, naming `field`, when the file
// cannot be read, is not a regular file or is readable by other users, and when the token is
// shorter than limits::token_bytes_min, longer than token_bytes_max, or has characters that a token
// cannot have.
Result<std::string> read_token_file(const std::string& path, std::string_view field);

// The value of an Authorization field with this token.
std::string bearer(std::string_view token);

}  // namespace tandem
