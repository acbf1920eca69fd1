// metrics_api.hpp: GET /metrics, for Prometheus.
#pragma once

#include <functional>

#include "master/control/api_router.hpp"
#include "master/control/long_documents.hpp"
#include "master/metrics/control_counts.hpp"
#include "master/metrics/traffic.hpp"

namespace tandem::master {

// What is told there. `status`, without workers, and `serves`: as GET /status and GET /primary tell
// them. They and `counts` are called on the control loop, `traffic` on any thread; that may be
// empty: nobody forwards.
struct MetricsSources {
  std::function<wire::Status()> status;
  std::function<bool()> serves;
  std::function<metrics::ControlCounts()> counts;
  std::function<metrics::Traffic()> traffic;
};

void route_metrics(ApiRouter& router, MetricsSources sources, LongDocuments& documents);

}  // namespace tandem::master
