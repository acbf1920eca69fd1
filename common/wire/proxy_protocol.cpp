#include "common/wire/proxy_protocol.hpp"

#include <arpa/inet.h>

#include <array>

namespace tandem::wire {

namespace {

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr char proxied = 0x21;
constexpr char tcp4 = 0x11;
constexpr char tcp6 = 0x21;
constexpr std::string_view ours("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
constexpr std::string_view unknown("\r\n\r\n\0\r\nQUIT\n\x21\0\0\0", 16);

// `address`: of the client, as it is on the wire.
template <std::size_t size>
std::string header(char family, const std::array<char, size>& address) {
  constexpr std::size_t length = 2 * (size + 2);
  std::string text(signature);
  text += {proxied, family, '\0', static_cast<char>(length)};
  text.append(address.data(), size);
  text.append(length - size, '\0');  // the other address, and both ports
  return text;
}

}  // namespace

const char* to_string(ProxyProtocol protocol) {
  return protocol == ProxyProtocol::v2 ? "v2" : "off";
}

std::optional<ProxyProtocol> parse_proxy_protocol(std::string_view text) {
  if (text == "off") return ProxyProtocol::off;
  if (text == "v2") return ProxyProtocol::v2;
  return std::nullopt;
}

std::string proxy_header_of(std::string_view address) {
  const std::string text(address);
  std::array<char, 4> v4{};
  std::array<char, 16> v6{};
  if (::inet_pton(AF_INET, text.c_str(), v4.data()) == 1) return header(tcp4, v4);
  if (::inet_pton(AF_INET6, text.c_str(), v6.data()) == 1) return header(tcp6, v6);
  return std::string(unknown);
}

std::string_view proxy_header_of_ours() { return ours; }

}  // namespace tandem::wire
