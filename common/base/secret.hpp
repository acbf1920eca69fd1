// secret.hpp: random secrets, and digests that are made with them.
//
// Keys and secrets are texts of lower-case hexadecimal digits, as in documents; they are used in
// this form, not decoded. None of them is ever logged. Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tandem {

// `bytes` random bytes of the system's generator, in hexadecimal digits, two for each.
std::string random_hex(std::size_t bytes);

// HMAC-SHA-256 (RFC 2104) of `text`, cut to `bytes` (1 to 32; RFC 2104 §5 requires 16 or more where
// it authenticates something), in hexadecimal digits.
std::string keyed_digest(std::string_view key, std::string_view text, std::size_t bytes);

// SHA-256 (FIPS 180-4) of `text`, in hexadecimal digits.
std::string digest(std::string_view text);

}  // namespace tandem
