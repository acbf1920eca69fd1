// heartbeat_api.hpp: POST /heartbeat. The busiest path of the control API by far: thousands a
// second.
#pragma once

#include "master/control/api_router.hpp"
#include "master/control/node_view.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// `registry` and `node` outlive the router. REQUIRES: node's name, role and term are set.
void route_heartbeats(ApiRouter& router, Registry& registry, const NodeView& node);

}  // namespace tandem::master
