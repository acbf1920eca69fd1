// token_file.hpp: the secret that callers of the control API share (RFC 6750), from --token-file.
//
// It comes from a file that its owner alone can read, never from a command line, where every user
// of the machine could see it. No sentence of an error quotes it.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

// The token, without the white space around it. Errors: `invalid`, naming `field`: cannot be read,
// no regular file, readable by others, shorter than limits::token_bytes_min or longer than
// token_bytes_max, other characters than a token has.
Result<std::string> read_token_file(const std::string& path, std::string_view field);

// The value of the field Authorization that presents the token.
std::string bearer(std::string_view token);

}  // namespace tandem
