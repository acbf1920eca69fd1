// state_api.hpp: the replicated state as documents: GET /v1/snapshot, a backup for people to keep
// (master/cluster/backup.hpp), and GET /cluster/state, for a master whose own state differs.
#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/http/http_call.hpp"
#include "master/cluster/cluster_member.hpp"
#include "master/control/api_router.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// The primary answers the request for a backup, whichever master is asked. All arguments outlive
// the router.
void route_state(ApiRouter& router, const Registry& registry, const ClusterMember& member);

// Fetches GET /cluster/state from that primary, in limits::control_request_max at most; returns the
// body of a good answer. Errors: `unavailable`.
boost::asio::awaitable<Result<std::string>> fetch_state(HttpCalls& calls, Endpoint primary,
                                                        std::string token);

}  // namespace tandem::master
