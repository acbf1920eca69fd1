#include "master/registry/route_table.hpp"

#include <array>

#include "common/base/limits.hpp"

namespace tandem::master {

namespace {

// FNV-1a, which can be taken further byte by byte. Equal hashes are compared, so that nobody gains
// by choosing paths that collide more than a few string comparisons.
constexpr std::uint64_t hash_start = 0xcbf29ce484222325u;
std::uint64_t hash_on(std::uint64_t hash, char c) {
  return (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
}
std::uint64_t hash_of_host(std::string_view host) {
  auto hash = hash_start;
  for (const char c : host) hash = hash_on(hash, c);
  return hash_on(hash, '\0');
}

using HostBuffer = std::array<char, limits::host_bytes_max + 2>;

// Without port, in lower case; empty when it is none that a route could have.
std::string_view normalized(std::string_view host, HostBuffer& buffer) {
  const auto end = host.starts_with('[') ? host.find(']') + 1 : host.find(':');
  host = host.substr(0, end);
  if (host.size() > buffer.size()) return {};
  for (std::size_t i = 0; i < host.size(); ++i) {
    const char c = host[i];
    buffer[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  return {buffer.data(), host.size()};
}

}  // namespace

RouteTable::RouteTable(const Routes& routes) {
  routes_.reserve(routes.size());
  for (const auto& [key, route] : routes) {
    auto hash = hash_of_host(route.host);
    for (const char c : route.prefix) hash = hash_on(hash, c);
    by_hash_.emplace(hash, routes_.size());
    has_hosts_ = has_hosts_ || !route.host.empty();
    routes_.push_back(route);
  }
}

const wire::Route* RouteTable::find(std::string_view host, std::string_view target) const {
  const auto path = target.substr(0, target.find('?'));
  if (routes_.empty() || !path.starts_with('/')) return nullptr;
  if (has_hosts_) {
    HostBuffer buffer;
    const auto name = normalized(host, buffer);
    if (!name.empty()) {
      if (const auto* route = find_for_host(name, path)) return route;
    }
  }
  return find_for_host({}, path);
}

// Every end of a segment may be the end of a prefix; the last one that is, is the longest.
const wire::Route* RouteTable::find_for_host(std::string_view host, std::string_view path) const {
  const auto start = hash_on(hash_of_host(host), '/');
  const wire::Route* longest = lookup(start, host, "/");
  auto hash = start;
  for (std::size_t i = 1; i <= path.size() && i <= limits::route_prefix_bytes_max; ++i) {
    if (i == path.size() || path[i] == '/') {
      if (const auto* route = lookup(hash, host, path.substr(0, i))) longest = route;
    }
    if (i < path.size()) hash = hash_on(hash, path[i]);
  }
  return longest;
}

const wire::Route* RouteTable::lookup(std::uint64_t hash, std::string_view host,
                                      std::string_view prefix) const {
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto place = begin; place != end; ++place) {
    const auto& route = routes_[place->second];
    if (route.prefix == prefix && route.host == host) return &route;
  }
  return nullptr;
}

}  // namespace tandem::master
