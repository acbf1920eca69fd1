// control_plane_options.hpp: the options of the cluster's shell, from those of the control plane.
#pragma once

#include "common/cluster/cluster_options.hpp"
#include "master/control/control_plane.hpp"

namespace tandem::master {

// The token and the masters that were learned later are set by the caller.
cluster::ClusterOptions cluster_options(const ControlPlaneOptions& options);

// Whether backends, routes and settings of services can be in force together. Any thread. Errors:
// `invalid`, naming the flag.
Result<> check_configured(const ControlPlaneOptions& options);

}  // namespace tandem::master
