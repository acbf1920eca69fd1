// described.hpp: what a master knows, as metrics. docs/metrics.md lists them all; a test holds both
// equal. A new metric is one line here.
#pragma once

#include "common/wire/status.hpp"
#include "master/metrics/control_counts.hpp"
#include "master/metrics/exposition.hpp"
#include "master/metrics/traffic.hpp"

namespace tandem::master::metrics {

// The cluster, this node in it, its services and workers. `serves`: it may forward at this moment.
void describe(Exposition& out, const wire::Status& status, bool serves);
void describe(Exposition& out, const ControlCounts& counts);
void describe(Exposition& out, const Traffic& traffic);
// This process, by the names that all Prometheus clients use; what /proc does not tell is left out.
void describe_process(Exposition& out);

}  // namespace tandem::master::metrics
