// coordinator_spec.hpp: which coordinator the masters of a cluster use, as --coordinator and
// --cluster say it. A value.
//
//   etcd=https://10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379,ca=ca.pem
#pragma once

#include <algorithm>
#include <chrono>
#include <string>

#include "common/core/options.hpp"
#include "master/coordinator/limits.hpp"
#include "master/discovery/source_spec.hpp"

namespace tandem::master {

struct CoordinatorSpec {
  SourceSpec etcd;      // of which the servers count, and what is shown to them
  std::string cluster;  // the name below which its keys are
  Duration worker_heartbeat = std::chrono::seconds(1);  // as often workers are heard

  friend bool operator==(const CoordinatorSpec&, const CoordinatorSpec&) = default;
};

// How long the lease lasts with which a master leads.
inline Duration coordinator_lease(const core::Timing& timing) {
  return std::max<Duration>(limits::coordinator_lease_min, 4 * timing.election_timeout);
}

// After so long a lease has ended that nobody has renewed.
inline Duration coordinator_lease_end(const core::Timing& timing) {
  return coordinator_lease(timing) + limits::coordinator_expiry_max;
}

// How long requests wait for a primary: as with votes, twice the longest takeover.
inline Duration coordinator_takeover_wait(const core::Timing& timing) {
  return 2 * coordinator_lease_end(timing);
}

}  // namespace tandem::master
