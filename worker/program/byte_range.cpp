#include "worker/program/byte_range.hpp"

#include <algorithm>
#include <limits>

#include "common/http1/field_text.hpp"

namespace tandem {

namespace {

// A number that is too large to represent becomes the largest one.
std::optional<std::uint64_t> parse_position(std::string_view digits) {
  if (digits.empty()) return std::nullopt;
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    number = number > (most - digit) / 10 ? most : number * 10 + digit;
  }
  return number;
}

}  // namespace

std::optional<ByteRange> parse_byte_range(std::string_view range, std::uint64_t size) {
  const auto equals = range.find('=');
  if (equals == range.npos || !equal_ignoring_case(range.substr(0, equals), "bytes")) return {};
  std::string_view only;
  unsigned ranges = 0;
  for_each_member(range.substr(equals + 1), [&](std::string_view member) {
    only = member;
    ++ranges;
  });
  const auto dash = only.find('-');
  if (ranges != 1 || dash == only.npos) return std::nullopt;
  const auto first = parse_position(only.substr(0, dash));
  const auto last = parse_position(only.substr(dash + 1));
  if (dash == 0) {  // a suffix: the last bytes
    if (!last) return std::nullopt;
    const auto length = std::min(*last, size);
    return ByteRange{size - length, length};
  }
  const bool open = dash + 1 == only.size();
  if (!first || (!open && (!last || *last < *first))) return std::nullopt;
  if (*first >= size) return ByteRange{};
  return ByteRange{*first, (open ? size - 1 : std::min(*last, size - 1)) - *first + 1};
}

}  // namespace tandem
