#include "common/base/endpoint.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>

#include <fmt/format.h>

#include "common/base/limits.hpp"

namespace tandem {

namespace {

// The system reads texts up to a zero byte; anything behind one would be kept unread.
template <class Address>
bool is_address(int family, const std::string& host, Address& address) {
  return host.find('\0') == host.npos && inet_pton(family, host.c_str(), &address) == 1;
}

bool is_ipv4(const std::string& host) {
  in_addr address{};
  return is_address(AF_INET, host, address);
}

bool is_ipv6(const std::string& host) {
  in6_addr address{};
  return is_address(AF_INET6, host, address);
}

// RFC 1123 §2.1: letters, digits and hyphens in labels; underscores occur in practice. An
// all-numeric last label would be a mistyped IPv4 address, not a name.
bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > limits::host_bytes_max) return false;
  if (host.front() == '.' || host.front() == '-' || host.find("..") != host.npos) return false;
  const bool characters_ok = std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
  });
  if (!characters_ok) return false;
  const auto last_label = host.substr(host.rfind('.') + 1);
  return !std::all_of(last_label.begin(), last_label.end(),
                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

Error malformed(std::string_view text, std::string_view field) {
  return invalid(
      fmt::format("{} must be HOST:PORT, for example 127.0.0.1:8080 or [::1]:8080, not \"{}\"",
                  field, text.substr(0, limits::host_bytes_max)),
      std::string(field));
}

}  // namespace

std::string Endpoint::to_string() const {
  return host.find(':') == host.npos ? fmt::format("{}:{}", host, port)
                                     : fmt::format("[{}]:{}", host, port);
}

bool Endpoint::is_numeric() const { return is_ipv4(host) || is_ipv6(host); }

bool Endpoint::is_loopback() const {
  return host == "localhost" || host == "::1" || (is_ipv4(host) && host.starts_with("127."));
}

bool Endpoint::is_unspecified() const {
  in6_addr v6{};
  if (is_address(AF_INET6, host, v6)) return IN6_IS_ADDR_UNSPECIFIED(&v6);
  return host == "0.0.0.0";
}

Result<Endpoint> parse_endpoint(std::string_view text, std::string_view field) {
  Endpoint endpoint;
  std::string_view port_text;
  if (text.starts_with('[')) {
    const auto close = text.find("]:");
    if (close == text.npos) return malformed(text, field);
    endpoint.host = text.substr(1, close - 1);
    port_text = text.substr(close + 2);
    if (!is_ipv6(endpoint.host)) return malformed(text, field);
  } else {
    const auto colon = text.find(':');
    if (colon == text.npos) return malformed(text, field);
    endpoint.host = text.substr(0, colon);
    port_text = text.substr(colon + 1);
    if (!is_ipv4(endpoint.host) && !is_host_name(endpoint.host)) return malformed(text, field);
  }
  const auto* end = port_text.data() + port_text.size();
  const auto parsed = std::from_chars(port_text.data(), end, endpoint.port);
  if (port_text.empty() || parsed.ec != std::errc{} || parsed.ptr != end)
    return malformed(text, field);
  return endpoint;
}

Result<Endpoint> resolve(const Endpoint& endpoint, std::string_view field) {
  if (endpoint.is_numeric()) return endpoint;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(endpoint.host.c_str(), nullptr, &hints, &found);
  if (failed != 0) {
    return invalid(fmt::format("{}: the host \"{}\" cannot be resolved: {}", field, endpoint.host,
                               gai_strerror(failed)),
                   std::string(field));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  char numeric[NI_MAXHOST];
  if (getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof numeric, nullptr, 0,
                  NI_NUMERICHOST) != 0) {
    return invalid(fmt::format("{}: the host \"{}\" has no usable address", field, endpoint.host),
                   std::string(field));
  }
  return Endpoint{numeric, endpoint.port};
}

}  // namespace tandem
