// health_api.hpp: GET /health, this process is alive; GET /ready, it is able to serve clients.
//
// Both, and GET /primary and /standby, are answered without a token: those who ask (load balancers,
// orchestrators) often cannot send one, and learn nothing else.
#pragma once

#include <functional>
#include <string>

#include "master/control/api_router.hpp"

namespace tandem::master {

// `not_ready` says why clients cannot be served; empty when they can.
void route_health(ApiRouter& router, std::function<std::string()> not_ready);

// True for the paths that are open to all.
bool is_open_to_all(std::string_view path);

}  // namespace tandem::master
