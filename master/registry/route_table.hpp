// route_table.hpp: which service answers a request: the route with the request's host, or none, and
// the longest prefix of its path, in whole segments.
//
// Routes with the request's host take precedence over those for any host, whatever their prefixes.
// Paths are compared byte for byte, as they were sent: no percent-decoding, no dots resolved.
//
// A look-up costs one pass over the path and one hash look-up for each of its segments, however
// many routes there are. A table is immutable; the next one shares all buckets with it except the
// one that changed, so that ten thousand changes of ten thousand routes do not take a hundred
// million copies. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/wire/route.hpp"

namespace tandem::master {

// Host and prefix, which identify a route.
using RouteKey = std::pair<std::string, std::string>;
using Routes = std::map<RouteKey, wire::Route>;

class RouteTable {
 public:
  RouteTable() = default;
  explicit RouteTable(const Routes& routes);

  // A copy with `route`, which replaces the one with the same host and prefix.
  RouteTable with(const wire::Route& route) const;
  // A copy without the route with that host and prefix.
  RouteTable without(const RouteKey& key) const;

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  // Whether any route says which certificate its clients must have, or that they need none.
  bool has_demands() const { return with_demand_ > 0; }
  // `host`: as in the Host field, with or without port and the dot of the root. `target`: the path,
  // with or without query; an empty one (RFC 9110 §4.2.3) and the asterisk of OPTIONS (§9.3.7)
  // count as the root. Null: there is no route for it.
  const wire::Route* find(std::string_view host, std::string_view target) const;

 private:
  struct Entry {
    std::uint64_t hash;  // of host and prefix
    std::shared_ptr<const wire::Route> route;
  };
  using Bucket = std::vector<Entry>;
  // A bit for each hash in the bucket: most segments of a path end no prefix, and this filter shows
  // it without touching further memory.
  struct Slot {
    std::uint64_t seen = 0;
    std::shared_ptr<const Bucket> bucket;  // null: empty
  };
  // About ten routes in each, with limits::routes_max routes.
  static constexpr std::size_t buckets = 1'024;

  // Multiplies, so that the last characters influence the upper bits too.
  static std::uint64_t mixed(std::uint64_t hash) { return hash * 0x9e3779b97f4a7c15u; }
  static std::size_t slot_of(std::uint64_t hash) { return mixed(hash) >> 54; }
  static std::uint64_t bit_of(std::uint64_t hash) {
    return std::uint64_t{1} << (mixed(hash) >> 48 & 63);
  }
  static Slot slot_for(Bucket bucket);
  void put(Bucket& bucket, std::uint64_t hash, const wire::Route& route);
  const wire::Route* find_for_host(std::string_view host, std::string_view path) const;
  const wire::Route* find_with_care(std::string_view host, std::string_view path) const;
  // The first entry with that hash.
  const Entry* candidate(std::uint64_t hash) const;
  const wire::Route* lookup(std::uint64_t hash, std::string_view host,
                            std::string_view prefix) const;

  std::array<Slot, buckets> slots_;
  std::size_t size_ = 0;
  std::size_t with_host_ = 0;
  std::size_t with_demand_ = 0;
};

using RouteTablePtr = std::shared_ptr<const RouteTable>;

}  // namespace tandem::master
