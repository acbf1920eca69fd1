// workers_api.hpp: /v1/workers: the list, workers added and removed by hand, drains and weights.
//
//   GET    /v1/workers               {"workers": [...]}, as in /status
//   POST   /v1/workers               a WorkerSpec; 201
//   GET    /v1/workers/NAME          {"workers": [the one]}
//   DELETE /v1/workers/NAME          drains it, waits until nothing is in flight (?wait_ms=30000),
//                                    removes it: 200 with the list of one as it was last;
//                                    ?now=true removes it at once
//   POST   /v1/workers/NAME/drain    and /undrain: without a body, or {}; drain?wait_ms=N answers
//                                    when nothing is in flight any more
//   GET    /v1/workers/NAME/drained  ?wait_ms=N: the same wait, without draining it
//   POST   /v1/workers/NAME/weight   {"weight": 50}; null restores its own
//
// Each answer about workers has one shape, a list, so that one reader reads them all.
//
// A wait that times out is answered with 409, {"error": {"code": "in_flight", ...}, "in_flight":
// 3}: the drain stays, and another request continues the wait. After a takeover meanwhile the
// answer is 503, not_primary: the drain stays, a removal was not made.
#pragma once

#include <functional>

#include "master/control/api_router.hpp"
#include "master/control/drained_wait.hpp"
#include "master/control/long_documents.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// Makes a change of the cluster's state; returns when it is committed and applied to the registry.
using Commit = std::function<boost::asio::awaitable<Result<>>(Change, wire::Author by)>;

// Has the worker at that address taken out of the registries of --publish, and waits for that.
// Returns why it may still be there; empty: it is not.
using Withdraw = std::function<boost::asio::awaitable<std::string>(Endpoint address)>;

// `registry`, `drained` and `documents` outlive the router. `check_address` checks that a worker
// may have that address.
void route_workers(ApiRouter& router, const Registry& registry, Commit commit, DrainedWait& drained,
                   Withdraw withdraw, LongDocuments& documents,
                   std::function<Result<>(const Endpoint&)> check_address);

// The answer for a change that was not made, or whose outcome is unknown: then 503 with the code
// outcome_unknown.
ControlResponse not_committed(const Error& error);

}  // namespace tandem::master
