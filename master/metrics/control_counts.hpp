// control_counts.hpp: what the control plane knows besides the status: what it has counted since
// the start, and how long things last. Owner: a value.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/base/histogram.hpp"
#include "common/base/time.hpp"

namespace tandem::master::metrics {

struct ServiceChecks {
  std::uint64_t good = 0;
  std::uint64_t failed = 0;
  std::uint64_t ejections = 0;  // for a success rate below the others'
};

struct ControlCounts {
  std::uint64_t heartbeats = 0;                 // that were taken
  std::uint64_t unknown_heartbeats = 0;         // short ones that were asked for in full
  std::uint64_t refused_heartbeats = 0;         // that were answered with another error
  std::map<std::string, ServiceChecks> checks;  // by service
  std::uint64_t panics = 0;                     // that began
  std::uint64_t elections = 0;                  // this master stood for
  std::uint64_t elections_won = 0;
  Duration lease_left{0};   // 0: it may not forward
  Duration unprotected{0};  // for how long a single loss would not be survived; 0: it would be
  HistogramSums commits;    // of the log, each with its fsync
  std::uint64_t disk_failures = 0;
  std::map<std::string, std::uint64_t>
      worker_connections{};       // open, idle ones included: by service
  std::uint64_t connections = 0;  // at the control address
};

}  // namespace tandem::master::metrics
