#include "common/base/address_range.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "common/base/limits.hpp"

namespace tandem {

namespace {

using Bytes = std::array<std::uint8_t, 16>;

constexpr Bytes mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned mapped_bits = 96;

std::optional<Bytes> address_bytes(const std::string& text) {
  Bytes bytes = mapped_prefix;
  if (inet_pton(AF_INET, text.c_str(), bytes.data() + 12) == 1) return bytes;
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

bool is_mapped(const Bytes& bytes) {
  return std::equal(bytes.begin(), bytes.begin() + mapped_bits / 8, mapped_prefix.begin());
}

// Whether the first `bits` bits of both are the same.
bool agree(const Bytes& a, const Bytes& b, unsigned bits) {
  const auto whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const auto rest = bits % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

}  // namespace

bool AddressRange::contains(const std::string& address) const {
  const auto bytes = address_bytes(address);
  return bytes && is_mapped(*bytes) == v4_ && agree(*bytes, network_, prefix_bits_);
}

Result<AddressRange> parse_address_range(std::string_view text, std::string_view field) {
  const auto malformed = [&](std::string_view what) {
    return invalid(
        fmt::format(
            "{} must be ADDRESS or ADDRESS/BITS, for example 10.0.0.0/8 or fd00::/8, {}: \"{}\"",
            field, what, text.substr(0, limits::host_bytes_max)),
        std::string(field));
  };
  const auto slash = text.find('/');
  const auto bytes = address_bytes(std::string(text.substr(0, slash)));
  if (!bytes) return malformed("but its address is missing");
  AddressRange range;
  range.network_ = *bytes;
  range.v4_ = is_mapped(*bytes);
  // In the notation of IPv6 a mapped address counts its bits from the start of the 128.
  const bool dotted_only = text.substr(0, slash).find(':') == text.npos;
  if (slash != text.npos) {
    const auto digits = text.substr(slash + 1);
    unsigned bits = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    const bool number =
        !digits.empty() && parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size();
    if (!number || bits > (dotted_only ? 32u : 128u)) return malformed("with BITS up to 32 or 128");
    range.prefix_bits_ = dotted_only ? bits + mapped_bits : bits;
    range.v4_ = range.v4_ && range.prefix_bits_ >= mapped_bits;
  }
  Bytes masked{};
  for (unsigned bit = 0; bit < range.prefix_bits_; ++bit) {
    masked[bit / 8] |= static_cast<std::uint8_t>((*bytes)[bit / 8] & (0x80u >> (bit % 8)));
  }
  if (masked != *bytes) return malformed("without bits beyond the prefix");
  return range;
}

}  // namespace tandem
