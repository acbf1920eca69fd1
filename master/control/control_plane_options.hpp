// control_plane_options.hpp: what of a control plane's options the cluster's shell is told.
#pragma once

#include "common/cluster/cluster_options.hpp"
#include "master/control/control_plane.hpp"

namespace tandem::master {

// But for the token, and for who the masters are once that is known better.
cluster::ClusterOptions cluster_options(const ControlPlaneOptions& options);

}  // namespace tandem::master
