// discovery_api.hpp: the services for programs that look for them as they look at others: the
// reading part of Consul's agent API, and Prometheus' HTTP service discovery.
//
// Every master answers from its own knowledge, as an agent does.
#pragma once

#include "master/control/api_router.hpp"
#include "master/control/discovery/blocking_queries.hpp"
#include "master/control/discovery/registrations.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// All references outlive the router.
void route_discovery(ApiRouter& router, const Registry& registry,
                     const Registrations& registrations, BlockingQueries& queries);

}  // namespace tandem::master
