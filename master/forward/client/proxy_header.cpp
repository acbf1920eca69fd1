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

template <class Address>
std::optional<Endpoint> read_source(std::string_view line) {
  const auto source = read_address<Address>(take_word(line));
  const auto target = read_address<Address>(take_word(line));
  const auto source_port = read_port(take_word(line));
  const auto target_port = read_port(line);
  if (!source || !target || !source_port || !target_port) return std::nullopt;
  return Endpoint(*source, *source_port);
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
  if (family == "TCP4") header.source = read_source<ip::address_v4>(line);
  if (family == "TCP6") header.source = read_source<ip::address_v6>(line);
  return header.source ? ProxyHeaderStatus::complete : ProxyHeaderStatus::malformed;
}

std::uint16_t read_u16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

template <class Address>
std::optional<Endpoint> read_binary_source(std::string_view block) {
  typename Address::bytes_type address;
  if (block.size() < 2 * address.size() + 4) return std::nullopt;
  std::memcpy(address.data(), block.data(), address.size());
  return Endpoint(Address(address), read_u16(block, 2 * address.size()));
}

ProxyHeaderStatus parse_v2(std::string_view bytes, ProxyHeader& header) {
  if (bytes.size() < head_v2) return ProxyHeaderStatus::incomplete;
  constexpr std::uint8_t local = 0x20;
  constexpr std::uint8_t proxied = 0x21;
  const auto command = byte_at(bytes, 12);
  const auto family = byte_at(bytes, 13);
  const std::size_t length = read_u16(bytes, 14);
  if (command != local && command != proxied) return ProxyHeaderStatus::malformed;
  if (head_v2 + length > limits::proxy_header_bytes_max) return ProxyHeaderStatus::malformed;
  header.bytes = head_v2 + length;
  if (bytes.size() < header.bytes) return ProxyHeaderStatus::incomplete;
  const auto block = bytes.substr(head_v2, length);
  if (command == local || family == 0x00) return ProxyHeaderStatus::complete;
  if (family == 0x11) header.source = read_binary_source<ip::address_v4>(block);
  if (family == 0x21) header.source = read_binary_source<ip::address_v6>(block);
  return header.source ? ProxyHeaderStatus::complete : ProxyHeaderStatus::malformed;
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
