// health_api.hpp: GET /health, this process is alive; GET /ready, it is able to serve clients.
//
// Both, and GET /primary and /standby, are answered without a token: those who ask (load balancers,
// orchestrators) often cannot send one, and learn nothing else.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "master/control/api_router.hpp"

namespace tandem::master {

// `failure` says what is wrong with this node although it is alive, in fixed words that stand in a
// JSON string as they are: GET /status has the details. `not_ready` says why clients cannot be
// served. Both are empty when there is nothing to say.
void route_health(ApiRouter& router, std::function<std::string_view()> failure,
                  std::function<std::string()> not_ready);

}  // namespace tandem::master
