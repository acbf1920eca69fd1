// vip_spec.hpp: --vip ADDRESS/LEN@INTERFACE, an address that only the primary has.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"

namespace tandem::master {

struct VipSpec {
  std::array<std::uint8_t, 16> bytes{};  // in network order; IPv4 uses the first four
  bool v6 = false;
  unsigned prefix_bits = 0;
  std::string interface;

  std::size_t size() const { return v6 ? 16 : 4; }
  std::string address() const;    // without the prefix length, in its usual form
  std::string to_string() const;  // 10.0.0.9/24@eth0

  friend bool operator==(const VipSpec&, const VipSpec&) = default;
};

// Errors: `invalid`, naming `flag`, for another form, and for an address that no single host can
// have (unspecified, loopback, multicast, link-local, a network's own or broadcast address).
Result<VipSpec> parse_vip(std::string_view text, std::string_view flag);

// The addresses of this master and its peers, for check_vips().
struct VipNeighbours {
  std::vector<Endpoint> listen;  // at least one
  Endpoint control;
  std::vector<Endpoint> peers;  // their control addresses
};
// Checks that the addresses can move between masters, and that --listen or --listen-tls serves
// them. Errors: `invalid`, naming the flag.
Result<> check_vips(const std::vector<VipSpec>& vips, const VipNeighbours& neighbours);

// Whether `host` is one of them.
bool is_among(const std::vector<VipSpec>& vips, const std::string& host);

}  // namespace tandem::master
