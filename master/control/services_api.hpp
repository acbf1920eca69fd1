// services_api.hpp: /v1/services: discovery of the instances that are live now, and the settings of
// a service.
//
//   GET    /v1/services  /v1/services/NAME     live instances; of one, ?index=N&wait=30s or
//                                              If-None-Match waits for news
//   GET    /v1/services/NAME/settings          its settings (common/wire/service_settings.hpp)
//   PUT    /v1/services/NAME/settings          replaces all its settings; it need not have workers
//                                              yet
//   DELETE /v1/services/NAME/settings          removes its settings: the masters' flags apply
#pragma once

#include "master/control/api_router.hpp"
#include "master/control/discovery/blocking_queries.hpp"
#include "master/control/workers_api.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// `registry` outlives the router.
void route_services(ApiRouter& router, const Registry& registry, Commit commit,
                    BlockingQueries& queries);

}  // namespace tandem::master
