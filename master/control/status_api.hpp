// status_api.hpp: GET /status, the whole cluster as this node sees it; /primary and /standby, by
// which a load balancer finds the node to send to.
#pragma once

#include "master/control/api_router.hpp"
#include "master/control/node_view.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// `registry` and `node` outlive the router.
void route_status(ApiRouter& router, const Registry& registry, const NodeView& node);

}  // namespace tandem::master
