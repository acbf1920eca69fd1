#include "common/base/byte_size.hpp"

#include <charconv>
#include <limits>
#include <string>

#include <fmt/format.h>

namespace tandem {

namespace {

// The number of bits by which a unit shifts the number; -1: there is no such unit.
int shift_of(std::string_view unit) {
  if (unit.empty()) return 0;
  if (unit.size() > 1) return -1;
  switch (unit.front()) {
    case 'k':
    case 'K': return 10;
    case 'm':
    case 'M': return 20;
    case 'g':
    case 'G': return 30;
    default: return -1;
  }
}

}  // namespace

Result<std::uint64_t> parse_byte_size(std::string_view text, std::string_view field) {
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  const int shift = parsed.ec == std::errc{}
                        ? shift_of(text.substr(static_cast<std::size_t>(parsed.ptr - text.data())))
                        : -1;
  if (shift >= 0 && number <= std::numeric_limits<std::uint64_t>::max() >> shift) {
    return number << shift;
  }
  return invalid(
      fmt::format("{} must be a number of bytes such as 4096, 64k, 512m or 2g, not \"{}\"", field,
                  text.substr(0, 64)),
      std::string(field));
}

}  // namespace tandem
