// endpoint.hpp: HOST:PORT, an address to listen at or connect to. IPv6 literals are in brackets:
// [::1]:8080.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

struct Endpoint {
  std::string host;  // an IPv4 or IPv6 literal without brackets, or a host name
  std::uint16_t port = 0;

  // HOST:PORT, an IPv6 literal in brackets.
  std::string to_string() const;
  // True for an IPv4 or IPv6 literal: no look-up is needed to connect.
  bool is_numeric() const;
  // True for 127.0.0.0/8, ::1 and "localhost".
  bool is_loopback() const;
  // True for 0.0.0.0 and ::, which can be listened on but not connected to.
  bool is_unspecified() const;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// Parses HOST:PORT. Port 0 is accepted (a listener lets the kernel choose); callers that connect
// refuse it. Errors: `invalid`, naming `field`, for a missing or out-of-range port, an empty or
// malformed host.
Result<Endpoint> parse_endpoint(std::string_view text, std::string_view field);

// Replaces a host name by its first address. Blocks on the resolver: for start-up only.
// Errors: `invalid`, naming `field`, when the name has no address.
Result<Endpoint> resolve(const Endpoint& endpoint, std::string_view field);

}  // namespace tandem
