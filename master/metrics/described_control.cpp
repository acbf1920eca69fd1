// What the control plane has counted.
#include "master/metrics/described.hpp"

namespace tandem::master::metrics {

namespace {

using Kind = Exposition::Kind;

void describe_health(Exposition& out, const ControlCounts& counts) {
  out.begin(Kind::counter, "tandem_heartbeats_total", "Heartbeats of workers");
  out.add(static_cast<double>(counts.heartbeats), {{"result", "ok"}});
  out.add(static_cast<double>(counts.unknown_heartbeats), {{"result", "unknown"}});
  out.add(static_cast<double>(counts.refused_heartbeats), {{"result", "refused"}});
  out.begin(Kind::counter, "tandem_checks_total", "Health checks of workers");
  for (const auto& [service, checks] : counts.checks) {
    out.add(static_cast<double>(checks.good), {{"service", service}, {"result", "ok"}});
    out.add(static_cast<double>(checks.failed), {{"service", service}, {"result", "failed"}});
  }
  out.begin(Kind::counter, "tandem_outlier_ejections_total",
            "Workers that were taken out for a success rate below the others'");
  for (const auto& [service, checks] : counts.checks)
    out.add(static_cast<double>(checks.ejections), {{"service", service}});
  out.single(Kind::counter, "tandem_panics_total",
             "How often a service began to try unhealthy workers as well",
             static_cast<double>(counts.panics));
}

void describe_leadership(Exposition& out, const ControlCounts& counts) {
  out.single(Kind::counter, "tandem_elections_total", "Elections that this master stood for",
             static_cast<double>(counts.elections));
  out.single(Kind::counter, "tandem_elections_won_total", "Those of them that it won",
             static_cast<double>(counts.elections_won));
  out.single(Kind::gauge, "tandem_lease_remaining_seconds",
             "How long this master may forward without hearing from its voters again",
             seconds(counts.lease_left));
  out.single(Kind::gauge, "tandem_unprotected_seconds",
             "For how long a single loss would not have been survived; 0: it would be",
             seconds(counts.unprotected));
}

void describe_disk(Exposition& out, const ControlCounts& counts) {
  out.begin(Kind::histogram, "tandem_storage_commit_seconds",
            "A commit of the log on this master's disk, with its fsync");
  out.add(counts.commits);
  out.single(Kind::counter, "tandem_storage_failures_total",
             "Writes that the disk refused, and attempts to open it again that failed",
             static_cast<double>(counts.disk_failures));
}

void describe_connections(Exposition& out, const ControlCounts& counts) {
  out.begin(Kind::gauge, "tandem_worker_connections",
            "Connections to workers that are open; to a worker of HTTP/2 the requests on them");
  for (const auto& [service, connections] : counts.worker_connections)
    out.add(static_cast<double>(connections), {{"service", service}});
  out.single(Kind::gauge, "tandem_control_connections", "Connections at the control address",
             static_cast<double>(counts.connections));
}

}  // namespace

void describe(Exposition& out, const ControlCounts& counts) {
  describe_health(out, counts);
  describe_leadership(out, counts);
  describe_disk(out, counts);
  describe_connections(out, counts);
}

}  // namespace tandem::master::metrics
