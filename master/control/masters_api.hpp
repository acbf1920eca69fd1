// masters_api.hpp: /v1/masters: the masters of this cluster, for workers, clients and joining
// masters; and how an operator adds and removes them.
//
// A change commits who belongs to the cluster; the core then makes voters of them and removes
// voters, one at a time. So a change is answered before it has taken effect, and GET shows its
// progress.
#pragma once

#include "common/tls/clear_text.hpp"
#include "master/cluster/cluster_member.hpp"
#include "master/control/api_router.hpp"
#include "master/control/node_view.hpp"
#include "master/control/workers_api.hpp"

namespace tandem::master {

// All outlive the router. `clear_text`: where a master that is added may be.
void route_masters(ApiRouter& router, const NodeView& node, ClusterMember& member,
                   tandem::tls::ClearText clear_text);

}  // namespace tandem::master
