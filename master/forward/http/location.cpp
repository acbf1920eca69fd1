#include "master/forward/http/location.hpp"

#include <fmt/format.h>

namespace tandem::master {

std::string location(std::string_view origin, std::string_view target) {
  // The server-wide OPTIONS has no path in absolute-form (RFC 9112 §3.2.4).
  if (target == "*") target = {};
  const bool lacks_path = !target.empty() && !target.starts_with('/');
  return fmt::format("{}{}{}", origin, lacks_path ? "/" : "", target);
}

std::string https_origin(std::string_view host, std::string_view port) {
  const auto behind_literal = host.starts_with('[') ? host.find(']') : 0;
  const auto name = host.substr(0, host.find(':', behind_literal));
  if (port == "443") return fmt::format("https://{}", name);
  return fmt::format("https://{}:{}", name, port);
}

}  // namespace tandem::master
