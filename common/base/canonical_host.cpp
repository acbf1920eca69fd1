#include "common/base/canonical_host.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>

namespace tandem {

std::string canonical_host(const std::string& host) {
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return host;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    inet_ntop(AF_INET, &v6.s6_addr[12], text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, &v6, text.data(), text.size());
  }
  return text.data();
}

}  // namespace tandem
