// openapi_api.hpp: GET /v1/openapi.json: the control API, as programs read it (OpenAPI 3.1).
//
// Its paths and methods are those that the router serves, so that none is missing and none is
// invented; what each takes and answers is told by openapi.json beside this file.
#pragma once

#include <string>
#include <string_view>

#include "master/control/api_router.hpp"

namespace tandem::master {

// openapi.json, as the build has embedded it: {"components": ..., "operations": {"GET /status": an
// operation, ...}}.
extern const std::string_view described_operations;

std::string openapi_document(const std::vector<ApiEndpoint>& endpoints);

// `router` outlives the answers.
void route_openapi(ApiRouter& router);

}  // namespace tandem::master
