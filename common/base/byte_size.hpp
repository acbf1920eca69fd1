// byte_size.hpp: sizes as people write them: 4096, 64k, 512m, 2g.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

// Parses a number of bytes, optionally with a unit: k, m or g (also K, M, G) for 1024, 1024² or
// 1024³ bytes. Errors: `invalid`, naming `field`.
Result<std::uint64_t> parse_byte_size(std::string_view text, std::string_view field);

}  // namespace tandem
