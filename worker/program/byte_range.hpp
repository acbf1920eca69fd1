// byte_range.hpp: the single byte range that a request asks for (RFC 9110 §14.1). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tandem {

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t length = 0;  // 0: the range lies outside the content, 416
};

// The range that `range`, the value of Range, asks for in content of `size` bytes. Nothing when
// Range must be ignored: another unit, malformed, or several ranges, which are answered with the
// whole content (RFC 9110 §14.2).
std::optional<ByteRange> parse_byte_range(std::string_view range, std::uint64_t size);

}  // namespace tandem
