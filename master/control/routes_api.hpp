// routes_api.hpp: /v1/routes: which service answers which host and path.
//
//   GET    /v1/routes                          {"routes": [...]}, those of --route too
//   POST   /v1/routes                          a Route; 201 with the list of it alone; replaces a
//   route with the same host and prefix DELETE /v1/routes?host=HOST&prefix=/PATH   200 with the
//   list of it alone; HOST may be missing
//
// The answer to a change does not list all routes: writing ten thousand takes longer than the
// commit.
#pragma once

#include "master/control/api_router.hpp"
#include "master/control/workers_api.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// `registry` outlives the router.
void route_routes(ApiRouter& router, const Registry& registry, Commit commit);

}  // namespace tandem::master
