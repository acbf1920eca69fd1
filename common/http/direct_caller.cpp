#include "common/http/direct_caller.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/ascii.hpp"
#include "common/base/endpoint.hpp"
#include "common/http/api_response.hpp"
#include "common/http/limits.hpp"

namespace tandem {

namespace {

// The host without brackets, and without the port, which differs where ports are forwarded.
std::string host_of(std::string_view authority) {
  const auto bracket = authority.find(']');
  if (authority.starts_with('[') && bracket != authority.npos) {
    return lowered(std::string(authority.substr(1, bracket - 1)));
  }
  return lowered(std::string(authority.substr(0, authority.find(':'))));
}

}  // namespace

std::optional<ControlResponse> refuse_indirect(const ControlRequest& request,
                                               std::string_view own_name) {
  if (request.proxied) {
    return forbidden(
        "a proxy has passed this request on, and without a token this address answers only this "
        "machine: give it a --tokens-file or a --token-file");
  }
  if (request.host.empty()) return std::nullopt;
  const auto host = host_of(request.host);
  if (Endpoint{host, 0}.is_loopback() || host == lowered(std::string(own_name)))
    return std::nullopt;
  return forbidden(
      fmt::format("the host \"{}\" is not served here: without a token this address answers to "
                  "loopback addresses, localhost and {} alone; ask by one of these, or give it a "
                  "--tokens-file or a --token-file",
                  request.host.substr(0, limits::quoted_bytes_max), own_name));
}

}  // namespace tandem
