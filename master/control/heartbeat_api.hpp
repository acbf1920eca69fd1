// heartbeat_api.hpp: POST /heartbeat. The busiest path of the control API by far: thousands a
// second.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/core/options.hpp"
#include "master/cluster/cluster_member.hpp"
#include "master/control/access_control.hpp"
#include "master/control/api_router.hpp"
#include "master/control/node_view.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// Since the start.
struct HeartbeatCounts {
  std::uint64_t taken = 0;
  std::uint64_t refused = 0;  // with an error
};

// All references outlive the router. Answers tell witnesses the `timing`.
// `heard_term` is called with a term that a worker has promised and this node does not know.
// `check_address` checks that a worker may have that address.
void route_heartbeats(ApiRouter& router, Registry& registry, const NodeView& node,
                      ClusterMember& member, AccessControl& access, const core::Timing& timing,
                      HeartbeatCounts& counts, std::function<void(Term)> heard_term,
                      std::function<Result<>(const Endpoint&)> check_address);

// What is wrong with the address that a worker on the host `peer` advertises, for the worker's log;
// empty: nothing.
std::string warning_for(const wire::Heartbeat& heartbeat, std::string_view peer);

}  // namespace tandem::master
