// latency_api.hpp: GET /v1/latency: how long each worker takes for an answer lately, as this master
// sees it.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "master/control/api_router.hpp"
#include "master/control/long_documents.hpp"
#include "master/metrics/history.hpp"

namespace tandem::master {

// The buckets of each worker's latest answers, by name. Called on any thread; empty: nobody
// forwards.
using Latencies = std::function<std::map<std::string, decltype(HistogramSums::buckets)>()>;

// All outlive the router.
void route_latency(ApiRouter& router, const std::string& node, Latencies latencies,
                   LongDocuments& documents);

}  // namespace tandem::master
