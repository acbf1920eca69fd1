// byte_range.hpp: the one range of bytes that a request asks for (RFC 9110 §14.1). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tandem {

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t length = 0;  // 0: the range lies outside the content, 416
};

// What `range`, the value of Range, asks for of content of `size` bytes. Nothing when it is to be
// ignored: another unit, not well-formed, or several ranges, which are answered with the whole (RFC
// 9110 §14.2).
std::optional<ByteRange> parse_byte_range(std::string_view range, std::uint64_t size);

}  // namespace tandem
