// known_masters.hpp: who the masters are when this one starts: as its data directory has it from
// the last time, as a master of the cluster says that it is to join, or as its flags found them.
#pragma once

#include <map>
#include <string>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/core/ids.hpp"

namespace tandem::master {

struct ControlPlaneOptions;

struct KnownMasters {
  std::map<core::NodeId, Endpoint> others;
  core::ClusterId joins{};  // the cluster that is to be joined; 0: none
};

// Asks where --join says, some seconds long; blocks. What the flags say besides the directory is
// logged and ignored. Errors: `unavailable`, naming --join, when nobody there knows a cluster.
Result<KnownMasters> known_masters(const ControlPlaneOptions& options, const std::string& token);

}  // namespace tandem::master
