#include "master/registry/route_table.hpp"

#include <array>

#include "common/base/ascii.hpp"
#include "common/base/limits.hpp"
#include "common/wire/limits.hpp"

namespace tandem::master {

namespace {

// FNV-1a, which can be extended byte by byte. Entries with equal hashes are compared, so paths that
// are chosen to collide cost only a few string comparisons.
constexpr std::uint64_t hash_start = 0xcbf29ce484222325u;
std::uint64_t hash_on(std::uint64_t hash, char c) {
  return (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
}
std::uint64_t hash_of_host(std::string_view host) {
  auto hash = hash_start;
  for (const char c : host) hash = hash_on(hash, c);
  return hash_on(hash, '\0');
}

std::uint64_t hash_of(std::string_view host, std::string_view prefix) {
  auto hash = hash_of_host(host);
  for (const char c : prefix) hash = hash_on(hash, c);
  return hash;
}

using HostBuffer = std::array<char, limits::host_bytes_max + 2>;

// The host without port and without the dot of the root (RFC 1034 §3.1), in lower case; empty if
// no route could have it.
std::string_view normalized(std::string_view host, HostBuffer& buffer) {
  const auto end = host.starts_with('[') ? host.find(']') + 1 : host.find(':');
  host = host.substr(0, end);
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.size() > buffer.size()) return {};
  std::transform(host.begin(), host.end(), buffer.begin(), to_lower);
  return {buffer.data(), host.size()};
}

// The path that decides. An empty one is that of the root, and so is the asterisk, which means the
// server as a whole (RFC 9110 §4.2.3, §9.3.7).
std::string_view routed_path(std::string_view target) {
  const auto path = target.substr(0, target.find('?'));
  return path.empty() || path == "*" ? "/" : path;
}

}  // namespace

RouteTable::RouteTable(const Routes& routes) {
  std::array<Bucket, buckets> filled;
  for (const auto& [key, route] : routes) {
    const auto hash = hash_of(route.host, route.prefix);
    put(filled[slot_of(hash)], hash, route);
  }
  for (std::size_t place = 0; place < buckets; ++place) {
    slots_[place] = slot_for(std::move(filled[place]));
  }
}

RouteTable::Slot RouteTable::slot_for(Bucket bucket) {
  Slot slot;
  if (bucket.empty()) return slot;
  for (const auto& entry : bucket) slot.seen |= bit_of(entry.hash);
  slot.bucket = std::make_shared<const Bucket>(std::move(bucket));
  return slot;
}

void RouteTable::put(Bucket& bucket, std::uint64_t hash, const wire::Route& route) {
  bucket.push_back({hash, std::make_shared<const wire::Route>(route)});
  ++size_;
  if (!route.host.empty()) ++with_host_;
  if (route.rules.client_certificate) ++with_demand_;
}

RouteTable RouteTable::with(const wire::Route& route) const {
  const auto hash = hash_of(route.host, route.prefix);
  auto table = without({route.host, route.prefix});
  auto& slot = table.slots_[slot_of(hash)];
  auto bucket = slot.bucket == nullptr ? Bucket() : *slot.bucket;
  table.put(bucket, hash, route);
  slot = slot_for(std::move(bucket));
  return table;
}

RouteTable RouteTable::without(const RouteKey& key) const {
  auto table = *this;
  const auto& [host, prefix] = key;
  const auto hash = hash_of(host, prefix);
  const auto* route = lookup(hash, host, prefix);
  if (route == nullptr) return table;
  if (route->rules.client_certificate) --table.with_demand_;
  auto& slot = table.slots_[slot_of(hash)];
  auto bucket = *slot.bucket;
  std::erase_if(bucket, [route](const Entry& entry) { return entry.route.get() == route; });
  slot = slot_for(std::move(bucket));
  --table.size_;
  if (!host.empty()) --table.with_host_;
  return table;
}

const wire::Route* RouteTable::find(std::string_view host, std::string_view target) const {
  if (empty()) return nullptr;
  const auto path = routed_path(target);
  if (with_host_ > 0) {
    HostBuffer buffer;
    const auto name = normalized(host, buffer);
    if (!name.empty()) {
      if (const auto* route = find_for_host(name, path)) return route;
    }
  }
  return with_host_ == size_ ? nullptr : find_for_host({}, path);
}

// Every end of a segment may be the end of a prefix; the last match is the longest. Only that one
// is compared: if it proves to be a collision, find_with_care() compares each candidate.
const wire::Route* RouteTable::find_for_host(std::string_view host, std::string_view path) const {
  auto hash = hash_on(hash_of_host(host), '/');
  const auto* longest = candidate(hash);
  auto length = std::size_t{1};
  for (std::size_t i = 1; i <= path.size() && i <= limits::route_prefix_bytes_max; ++i) {
    if (i == path.size() || path[i] == '/') {
      if (const auto* entry = candidate(hash)) {
        longest = entry;
        length = i;
      }
    }
    if (i < path.size()) hash = hash_on(hash, path[i]);
  }
  if (longest == nullptr) return nullptr;
  const auto& route = *longest->route;
  if (route.prefix == path.substr(0, length) && route.host == host) return &route;
  return find_with_care(host, path);
}

// The same, comparing each candidate.
const wire::Route* RouteTable::find_with_care(std::string_view host, std::string_view path) const {
  auto hash = hash_on(hash_of_host(host), '/');
  const auto* longest = lookup(hash, host, "/");
  for (std::size_t i = 1; i <= path.size() && i <= limits::route_prefix_bytes_max; ++i) {
    if (i == path.size() || path[i] == '/') {
      if (const auto* route = lookup(hash, host, path.substr(0, i))) longest = route;
    }
    if (i < path.size()) hash = hash_on(hash, path[i]);
  }
  return longest;
}

const RouteTable::Entry* RouteTable::candidate(std::uint64_t hash) const {
  const auto& slot = slots_[slot_of(hash)];
  if ((slot.seen & bit_of(hash)) == 0) return nullptr;
  for (const auto& entry : *slot.bucket) {
    if (entry.hash == hash) return &entry;
  }
  return nullptr;
}

const wire::Route* RouteTable::lookup(std::uint64_t hash, std::string_view host,
                                      std::string_view prefix) const {
  const auto& bucket = slots_[slot_of(hash)].bucket;
  if (bucket == nullptr) return nullptr;
  for (const auto& entry : *bucket) {
    if (entry.hash == hash && entry.route->prefix == prefix && entry.route->host == host) {
      return entry.route.get();
    }
  }
  return nullptr;
}

}  // namespace tandem::master
