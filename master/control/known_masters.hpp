// known_masters.hpp: the masters that this one knows at its start: from its data directory, from a
// master of the cluster that it joins, or from the flags that found a cluster.
#pragma once

#include <map>
#include <string>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/core/ids.hpp"
#include "common/tls/credentials.hpp"

namespace tandem::master {

struct ControlPlaneOptions;

struct KnownMasters {
  std::map<core::NodeId, Endpoint> others;
  core::ClusterId joins{};  // the cluster to join; 0: none
};

// Asks the master that --join names, with the token and over TLS where there are credentials, for
// some seconds; blocks. Where the data directory knows the masters, flags that differ are logged
// and ignored. Errors: `unavailable`, naming --join, when no master there knows a cluster.
Result<KnownMasters> known_masters(const ControlPlaneOptions& options, const std::string& token,
                                   const tandem::tls::CurrentCredentialsPtr& credentials);

}  // namespace tandem::master
