#include "master/vip/vip_spec.hpp"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "master/vip/limits.hpp"

namespace tandem::master {

namespace {

Error refuse(std::string_view flag, std::string_view text, std::string_view why) {
  return invalid(fmt::format("{} {}: {}", flag, text.substr(0, 96), why), std::string(flag));
}

bool parse_address(const std::string& text, VipSpec& vip) {
  vip.v6 = text.find(':') != text.npos;
  return ::inet_pton(vip.v6 ? AF_INET6 : AF_INET, text.c_str(), vip.bytes.data()) == 1;
}

bool starts_with_bits(const VipSpec& vip, std::uint8_t first, unsigned bits) {
  return (vip.bytes[0] ^ first) >> (8 - bits) == 0;
}

// Whether all bits after the prefix are `bit`.
bool host_bits_are(const VipSpec& vip, bool bit) {
  for (std::size_t i = vip.prefix_bits; i < vip.size() * 8; ++i) {
    if (((vip.bytes[i / 8] >> (7 - i % 8)) & 1) != (bit ? 1 : 0)) return false;
  }
  return true;
}

// Why it cannot be the address of a single host; empty when it can.
std::string_view no_host(const VipSpec& vip) {
  if (std::all_of(vip.bytes.begin(), vip.bytes.end(), [](auto byte) { return byte == 0; })) {
    return "the unspecified address means all addresses, and cannot be taken";
  }
  if (vip.v6) {
    VipSpec loopback;
    loopback.bytes[15] = 1;
    constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::equal(mapped.begin(), mapped.end(), vip.bytes.begin())) {
      return "this is an IPv4 address: write it in IPv4 notation";
    }
    if (vip.bytes == loopback.bytes) return "a loopback address cannot be reached by clients";
    if (vip.bytes[0] == 0xff) return "a multicast address belongs to many hosts";
    if (vip.bytes[0] == 0xfe && (vip.bytes[1] & 0xc0) == 0x80) {
      return "a link-local address cannot be reached by clients that do not name the link";
    }
    return {};
  }
  if (vip.bytes[0] == 127) return "a loopback address cannot be reached by clients";
  if (vip.bytes[0] == 0) return "no host can have an address that begins with 0";
  if (starts_with_bits(vip, 0xe0, 3)) return "no host can have a multicast or reserved address";
  if (vip.bytes[0] == 169 && vip.bytes[1] == 254) {
    return "a link-local address cannot be reached by clients";
  }
  if (vip.prefix_bits < 31 && host_bits_are(vip, false)) return "this is a network, not an address";
  if (vip.prefix_bits < 31 && host_bits_are(vip, true)) return "this is a broadcast address";
  return {};
}

bool is_interface_name(std::string_view name) {
  const auto is_good = [](char c) { return c > ' ' && c <= '~' && c != '/'; };
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), is_good);
}

bool same_address(const VipSpec& vip, const std::string& host) {
  VipSpec other;
  return parse_address(host, other) && other.v6 == vip.v6 && other.bytes == vip.bytes;
}

}  // namespace

std::string VipSpec::address() const {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
  return text;
}

std::string VipSpec::to_string() const {
  return fmt::format("{}/{}@{}", address(), prefix_bits, interface);
}

Result<VipSpec> parse_vip(std::string_view text, std::string_view flag) {
  constexpr std::string_view form = "it must be ADDRESS/LEN@INTERFACE, such as 10.0.0.9/24@eth0";
  const auto slash = text.find('/');
  const auto at = text.find('@', slash == text.npos ? 0 : slash);
  if (slash == text.npos || at == text.npos) return refuse(flag, text, form);
  VipSpec vip;
  auto address = std::string(text.substr(0, slash));
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  }
  const bool has_zero = address.find('\0') != address.npos;
  if (has_zero || !parse_address(address, vip)) {
    return refuse(flag, text, "the part before / must be an IPv4 or IPv6 address");
  }
  const auto length = text.substr(slash + 1, at - slash - 1);
  const auto* end = length.data() + length.size();
  const auto parsed = std::from_chars(length.data(), end, vip.prefix_bits);
  if (length.empty() || parsed.ec != std::errc{} || parsed.ptr != end || vip.prefix_bits == 0 ||
      vip.prefix_bits > vip.size() * 8) {
    return refuse(flag, text,
                  fmt::format("the prefix length must be from 1 to {}", vip.size() * 8));
  }
  if (const auto why = no_host(vip); !why.empty()) return refuse(flag, text, why);
  vip.interface = text.substr(at + 1);
  if (!is_interface_name(vip.interface)) {
    return refuse(flag, text, "the part after @ must be the name of an interface");
  }
  return vip;
}

Result<> check_vips(const std::vector<VipSpec>& vips, const VipNeighbours& neighbours) {
  constexpr std::string_view flag = "--vip";
  if (vips.size() > limits::vips_max) {
    return invalid(fmt::format("--vip can be given {} times at most", limits::vips_max), "--vip");
  }
  for (std::size_t i = 0; i < vips.size(); ++i) {
    const auto& vip = vips[i];
    const auto text = vip.to_string();
    for (std::size_t other = 0; other < i; ++other) {
      if (vips[other].v6 == vip.v6 && vips[other].bytes == vip.bytes) {
        return refuse(flag, text, "the same address is given twice");
      }
    }
    if (same_address(vip, neighbours.control.host)) {
      return refuse(flag, text,
                    "--control has this address: that must be an address of this machine alone, at "
                    "which the others reach it whoever leads");
    }
    for (const auto& peer : neighbours.peers) {
      if (!same_address(vip, peer.host)) continue;
      return refuse(
          flag, text,
          "a --peer has this address: that must be an address of the peer's machine alone");
    }
    const auto serves = [&vip](const Endpoint& listen) {
      const bool everywhere =
          listen.is_unspecified() && (!vip.v6 || listen.host.find(':') != listen.host.npos);
      return everywhere || same_address(vip, listen.host);
    };
    const auto& listen = neighbours.listen;
    if (std::any_of(listen.begin(), listen.end(), serves)) continue;
    return refuse(
        flag, text,
        fmt::format("--listen {} does not serve it; listen at all addresses, {}:{}, or at this one",
                    listen.front().to_string(), vip.v6 ? "[::]" : "0.0.0.0", listen.front().port));
  }
  return {};
}

bool is_among(const std::vector<VipSpec>& vips, const std::string& host) {
  return std::any_of(vips.begin(), vips.end(),
                     [&host](const auto& vip) { return same_address(vip, host); });
}

}  // namespace tandem::master
