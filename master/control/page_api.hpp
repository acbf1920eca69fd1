// page_api.hpp: GET /, the page of the cluster, and GET /v1/history, the numbers of its charts.
//
// The page says nothing of the cluster by itself, so anybody may have it: it asks as the person at
// the browser, with their token. Its Content-Security-Policy lets it run its own text alone, and
// ask nobody but masters.
#pragma once

#include "master/control/api_router.hpp"
#include "master/metrics/history.hpp"

namespace tandem::master {

// All outlive the router.
// `pages`: the origins of all masters' pages.
void route_page(ApiRouter& router, const std::string& node, const metrics::History& history,
                std::function<std::vector<std::string>()> pages);

}  // namespace tandem::master
