// masters_api.hpp: GET /v1/masters: who the masters of this cluster are, for workers, clients and
// masters that are to join.
#pragma once

#include "master/cluster/cluster_member.hpp"
#include "master/control/api_router.hpp"
#include "master/control/node_view.hpp"

namespace tandem::master {

// All outlive the router.
void route_masters(ApiRouter& router, const NodeView& node, const ClusterMember& member);

}  // namespace tandem::master
