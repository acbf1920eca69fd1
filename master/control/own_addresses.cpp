#include "master/control/own_addresses.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "common/base/canonical_host.hpp"

namespace tandem::master {

namespace {

bool is_at(const Endpoint& worker, const OwnAddress& own) {
  if (worker.port != own.address.port) return false;
  const auto host = canonical_host(worker.host);
  const auto own_host = canonical_host(own.address.host);
  if (host == own_host) return true;
  if (!own.everywhere) return false;
  return is_of_this_machine(host) && (own.address.is_unspecified() || is_of_this_machine(own_host));
}

}  // namespace

bool is_of_this_machine(const std::string& host) {
  if (Endpoint{host, 0}.is_loopback() || Endpoint{host, 0}.is_unspecified()) return true;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return false;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  for (const auto* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    char text[INET6_ADDRSTRLEN] = {};
    if (each->ifa_addr->sa_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
      ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    } else if (each->ifa_addr->sa_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(each->ifa_addr);
      ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    }
    if (host == text) return true;
  }
  return false;
}

Result<> OwnAddresses::check(const Endpoint& worker) const {
  for (const auto& own : addresses_) {
    if (!is_at(worker, own)) continue;
    return fail(ErrorCode::conflict,
                fmt::format("{} is {}: no worker can have it", worker.to_string(), own.what),
                "address");
  }
  return {};
}

Result<> OwnAddresses::check_newcomer(const Endpoint& worker) const {
  const auto host = canonical_host(worker.host);
  const bool allowed =
      networks_.empty() || std::any_of(networks_.begin(), networks_.end(),
                                       [&](const auto& range) { return range.contains(host); });
  if (!allowed) {
    return invalid(fmt::format("{} is not in a network that --worker-network allows", worker.host),
                   "address");
  }
  return check(worker);
}

}  // namespace tandem::master
