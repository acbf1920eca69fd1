// health_api.hpp: GET /health, this process is alive; GET /ready, it is able to serve clients.
//
// Both, and GET /primary and /standby, are answered without a token: load balancers and
// orchestrators often cannot send one. Then the status is all that they are told.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "master/control/api_router.hpp"

namespace tandem::master {

// `failure` returns what is wrong with this node although it is alive, in fixed words that need no
// escaping in JSON; GET /status has the details. `not_ready` returns why clients cannot be served.
// Both are empty when all is well.
void route_health(ApiRouter& router, std::function<std::string_view()> failure,
                  std::function<std::string()> not_ready);

}  // namespace tandem::master
