// address_range.hpp: a block of IP addresses in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3), such
// as 10.0.0.0/8, fd00::/8, or one address alone. An IPv4 address that comes mapped into IPv6 is an
// IPv4 address.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

class AddressRange {
 public:
  // `address`: an IPv4 or IPv6 literal without brackets. A text that is not an address is in no
  // range.
  bool contains(const std::string& address) const;

  friend bool operator==(const AddressRange&, const AddressRange&) = default;

 private:
  friend Result<AddressRange> parse_address_range(std::string_view text, std::string_view field);

  std::array<std::uint8_t, 16> network_{};  // IPv4 in its mapped form, ::ffff:a.b.c.d
  unsigned prefix_bits_ = 128;              // of the 128
  bool v4_ = false;
};

// Parses ADDRESS or ADDRESS/BITS. Errors: `invalid`, naming `field`, for a text that is neither,
// and for a network with bits beyond its prefix (10.0.0.1/8), which is usually a mistake.
Result<AddressRange> parse_address_range(std::string_view text, std::string_view field);

}  // namespace tandem
