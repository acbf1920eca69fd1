// route.hpp: POST /v1/routes: which service answers which host and path.
//
//   {"host": "shop.example", "prefix": "/api", "service": "shop", "strip": true,
//    "response_timeout_ms": 5000}
//
// A route may also have those settings of a service that concern requests (service_settings.hpp);
// the route's take precedence. Only "service" is required. Routes are written by people: an unknown
// member is refused by name.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/wire/service_settings.hpp"

namespace tandem::wire {

struct Route {
  std::string host;          // lower case, without port; empty: any
  std::string prefix = "/";  // of the path, in whole segments: "/", or "/a/b" without a last slash
  std::string service;
  bool strip = false;  // the worker does not see the prefix
  RequestRules rules{};

  friend bool operator==(const Route&, const Route&) = default;
};

std::string to_json(const Route& route);
// The host is lower-cased and a last slash removed. Errors: `invalid`, naming the member.
Result<Route> parse_route(std::string_view json);

// The same from [HOST]/PREFIX=SERVICE[,strip], the form of --route. Errors: `invalid`, naming
// `flag`.
Result<Route> parse_route_flag(std::string_view text, std::string_view flag);

}  // namespace tandem::wire
