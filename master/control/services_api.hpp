// services_api.hpp: GET /v1/services and /v1/services/NAME: discovery of the instances that are
// live now.
#pragma once

#include "master/control/api_router.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// `registry` outlives the router.
void route_services(ApiRouter& router, const Registry& registry);

}  // namespace tandem::master
