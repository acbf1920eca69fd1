// control_plane_credentials.hpp: the certificates of the cluster as a master reads them.
#pragma once

#include "common/tls/credentials.hpp"
#include "master/control/control_plane.hpp"

namespace tandem::master {

// Any thread; blocks for the disk. Errors: `invalid`, naming the flag, also when the certificate is
// not that of this node.
Result<tandem::tls::CredentialsPtr> load_cluster_credentials(const ControlPlaneOptions& options,
                                                             tandem::tls::OutOfTime out_of_time);

}  // namespace tandem::master
