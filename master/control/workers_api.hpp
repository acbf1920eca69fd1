// workers_api.hpp: /v1/workers: the list, workers added and removed by hand, drains and weights.
//
//   GET    /v1/workers               {"workers": [...]}, as in /status
//   POST   /v1/workers               a WorkerSpec; 201
//   GET    /v1/workers/NAME          {"workers": [the one]}
//   DELETE /v1/workers/NAME          200 with the list of one as it was last; only what would not
//   come back POST   /v1/workers/NAME/drain    and /undrain: without a body, or {} POST
//   /v1/workers/NAME/weight   {"weight": 50}; null gives it back its own
//
// Each answer about workers has one shape, a list, so that one reader reads them all.
#pragma once

#include <functional>

#include "master/control/api_router.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// Makes a change of the cluster's state; returns when it is committed, and applied to the registry.
using Commit = std::function<boost::asio::awaitable<Result<>>(Change)>;

// `registry` outlives the router.
void route_workers(ApiRouter& router, const Registry& registry, Commit commit);

// A change that was not made, or whose outcome is unknown: then 503 with the code outcome_unknown.
ControlResponse not_committed(const Error& error);

}  // namespace tandem::master
