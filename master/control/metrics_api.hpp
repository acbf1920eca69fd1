// metrics_api.hpp: GET /metrics, for Prometheus.
#pragma once

#include <functional>

#include "master/control/api_router.hpp"
#include "master/metrics/traffic.hpp"

namespace tandem::wire {
struct Status;
}

namespace tandem::master {

// `status` and `serves`: as GET /status and GET /primary tell them. `traffic` may be empty: nobody
// forwards.
void route_metrics(ApiRouter& router, std::function<wire::Status()> status,
                   std::function<bool()> serves, std::function<metrics::Traffic()> traffic);

}  // namespace tandem::master
