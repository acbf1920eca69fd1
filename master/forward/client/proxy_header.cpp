#include "master/forward/client/proxy_header.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>

#include "master/forward/client/limits.hpp"

namespace tandem::master {

namespace {

namespace ip = boost::asio::ip;
using Endpoint = ip::tcp::endpoint;

constexpr std::string_view begin_v1 = "PROXY ";
constexpr std::string_view begin_v2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t head_v2 = 16;
// "PROXY UNKNOWN " with two IPv6 addresses and two ports, and CRLF.
constexpr std::size_t line_max = 107;

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

// Takes what stands before the next space, or all.
std::string_view take_word(std::string_view& line) {
  const auto end = std::min(line.find(' '), line.size());
  const auto word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  const bool is_port = !text.empty() && parsed.ec == std::errc{} && parsed.ptr == end;
  if (!is_port || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  return port;
}

template <class Address>
std::optional<Address> read_address(std::string_view text) {
  boost::system::error_code error;
  // No scope: it means nothing to us.
  if (text.empty() || text.find('%') != text.npos) return std::nullopt;
  const auto address = boost::asio::ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  if constexpr (std::is_same_v<Address, ip::address_v4>) {
    return address.is_v4() ? std::optional(address.to_v4()) : std::nullopt;
  } else {
    return address.is_v6() ? std::optional(address.to_v6()) : std::nullopt;
  }
}

// The addresses and ports of a line. False: it is malformed.
template <class Address>
bool read_ends(std::string_view line, ProxyHeader& header) {
  const auto source = read_address<Address>(take_word(line));
  const auto target = read_address<Address>(take_word(line));
  const auto source_port = read_port(take_word(line));
  const auto target_port = read_port(line);
  if (!source || !target || !source_port || !target_port) return false;
  header.source = Endpoint(*source, *source_port);
  header.target_port = *target_port;
  return true;
}

ProxyHeaderStatus parse_v1(std::string_view bytes, ProxyHeader& header) {
  const auto end = bytes.substr(0, line_max).find("\r\n");
  if (end == bytes.npos) {
    return bytes.size() < line_max ? ProxyHeaderStatus::incomplete : ProxyHeaderStatus::malformed;
  }
  header.bytes = end + 2;
  auto line = bytes.substr(begin_v1.size(), end - begin_v1.size());
  const auto family = take_word(line);
  if (family == "UNKNOWN") return ProxyHeaderStatus::complete;
  const bool is_read = (family == "TCP4" && read_ends<ip::address_v4>(line, header)) ||
                       (family == "TCP6" && read_ends<ip::address_v6>(line, header));
  return is_read ? ProxyHeaderStatus::complete : ProxyHeaderStatus::malformed;
}

std::uint16_t read_u16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

template <class Address>
void read_binary_ends(std::string_view block, ProxyHeader& header) {
  typename Address::bytes_type address;
  std::memcpy(address.data(), block.data(), address.size());
  header.source = Endpoint(Address(address), read_u16(block, 2 * address.size()));
  header.target_port = read_u16(block, 2 * address.size() + 2);
}

// Calls `visit(type, value)` for each TLV. False: one of them is not whole, or refused.
template <class Visit>
bool for_each_tlv(std::string_view tlvs, Visit visit) {
  constexpr std::size_t head = 3;
  while (!tlvs.empty()) {
    if (tlvs.size() < head) return false;
    const std::size_t length = read_u16(tlvs, 1);
    if (tlvs.size() - head < length) return false;
    if (!visit(byte_at(tlvs, 0), tlvs.substr(head, length))) return false;
    tlvs.remove_prefix(head + length);
  }
  return true;
}

// What is no version of anything, or too long for one, is nobody's to read.
bool is_version(std::string_view text) {
  return text.size() <= limits::proxy_tls_version_bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '.';
         });
}

// PP2_TYPE_SSL. False: it is malformed.
bool read_tls(std::string_view value, std::optional<EndedTls>& tls) {
  constexpr std::size_t head = 5;
  constexpr unsigned came_by_tls = 0x01;
  constexpr unsigned showed_certificate = 0x02 | 0x04;  // here, or when the session began
  constexpr std::uint8_t version = 0x21;
  constexpr std::uint8_t common_name = 0x22;
  if (value.size() < head) return false;
  EndedTls told;
  std::string_view name;
  const bool whole =
      for_each_tlv(value.substr(head), [&](std::uint8_t type, std::string_view text) {
        if (type == version && is_version(text)) told.version = text;
        if (type == common_name && text.size() <= limits::proxy_common_name_bytes_max) name = text;
        return true;
      });
  const unsigned client = byte_at(value, 0);
  const bool is_verified = value.substr(1, 4) == std::string_view("\0\0\0\0", 4);
  if ((client & showed_certificate) != 0 && is_verified) told.certificate = name;
  if (whole && (client & came_by_tls) != 0) tls = std::move(told);
  return whole;
}

// How long the addresses of each family are.
std::optional<std::size_t> addresses_size(std::uint8_t family) {
  constexpr std::uint8_t datagrams = 2;
  const auto kind = family >> 4;
  const auto transport = family & 0xf;
  if (kind > 3 || transport > datagrams) return std::nullopt;
  constexpr std::size_t sizes[] = {0, 12, 36, 216};
  return sizes[kind];
}

// PROXY: on whose behalf. What has no family has no place where its TLVs begin.
bool read_proxied(std::uint8_t family, std::string_view block, ProxyHeader& header) {
  const auto size = addresses_size(family);
  if (!size || block.size() < *size) return false;
  if (*size == 0) return true;
  constexpr std::uint8_t tcp4 = 0x11;
  constexpr std::uint8_t tcp6 = 0x21;
  constexpr std::uint8_t tls = 0x20;
  if (family == tcp4) read_binary_ends<ip::address_v4>(block, header);
  if (family == tcp6) read_binary_ends<ip::address_v6>(block, header);
  return for_each_tlv(block.substr(*size), [&](std::uint8_t type, std::string_view value) {
    return type != tls || read_tls(value, header.tls);
  });
}

ProxyHeaderStatus parse_v2(std::string_view bytes, ProxyHeader& header) {
  if (bytes.size() < head_v2) return ProxyHeaderStatus::incomplete;
  constexpr std::uint8_t local = 0x20;
  constexpr std::uint8_t proxied = 0x21;
  const auto command = byte_at(bytes, 12);
  const std::size_t length = read_u16(bytes, 14);
  if (command != local && command != proxied) return ProxyHeaderStatus::malformed;
  if (head_v2 + length > limits::proxy_header_bytes_max) return ProxyHeaderStatus::malformed;
  header.bytes = head_v2 + length;
  if (bytes.size() < header.bytes) return ProxyHeaderStatus::incomplete;
  if (command == local) return ProxyHeaderStatus::complete;
  const bool is_read = read_proxied(byte_at(bytes, 13), bytes.substr(head_v2, length), header);
  return is_read ? ProxyHeaderStatus::complete : ProxyHeaderStatus::malformed;
}

}  // namespace

ProxyHeaderStatus parse_proxy_header(std::string_view bytes, ProxyHeader& header) {
  header = {};
  for (const auto& [begin, parse] :
       {std::pair(begin_v1, &parse_v1), std::pair(begin_v2, &parse_v2)}) {
    const auto here = bytes.substr(0, begin.size());
    if (here == begin) return parse(bytes, header);
    if (begin.starts_with(here)) return ProxyHeaderStatus::incomplete;
  }
  return ProxyHeaderStatus::absent;
}

}  // namespace tandem::master
