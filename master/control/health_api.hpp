// health_api.hpp: GET /health, this process is alive; GET /ready, it is able to serve clients.
//
// Both, and GET /primary and /standby, are answered without a token: those who ask (load balancers,
// orchestrators) often cannot send one, and learn nothing else.
#pragma once

#include "master/control/api_router.hpp"
#include "master/control/node_view.hpp"

namespace tandem::master {

// `node` outlives the router.
void route_health(ApiRouter& router, const NodeView& node);

// True for the paths that are open to all.
bool is_open_to_all(std::string_view path);

}  // namespace tandem::master
