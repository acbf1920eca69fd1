// route_table.hpp: which service answers a request: the route with the request's host, or none, and
// the longest prefix of its path, in whole segments.
//
// Routes of a host go before those of any host, whatever their prefixes. Paths are compared byte
// for byte, as they were sent: no percent-decoding, no dots resolved.
//
// A look-up costs one pass over the path and one hash look-up for each of its segments, however
// many routes there are. Immutable; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/wire/route.hpp"

namespace tandem::master {

// Host and prefix: what a route is known by.
using RouteKey = std::pair<std::string, std::string>;
using Routes = std::map<RouteKey, wire::Route>;

class RouteTable {
 public:
  explicit RouteTable(const Routes& routes);

  bool empty() const { return routes_.empty(); }
  // `host`: as in the Host field, with or without port. `target`: the path, with or without query.
  // Null: there is no route for it.
  const wire::Route* find(std::string_view host, std::string_view target) const;

 private:
  const wire::Route* find_for_host(std::string_view host, std::string_view path) const;
  const wire::Route* lookup(std::uint64_t hash, std::string_view host,
                            std::string_view prefix) const;

  std::vector<wire::Route> routes_;
  std::unordered_multimap<std::uint64_t, std::size_t> by_hash_;  // of host and prefix
  bool has_hosts_ = false;
};

using RouteTablePtr = std::shared_ptr<const RouteTable>;

}  // namespace tandem::master
