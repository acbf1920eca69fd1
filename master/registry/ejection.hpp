// ejection.hpp: a worker is left alone for a while, each time for longer.
//
// The state is in the worker's WorkerCounters, so that all loops see it at once: no requests until
// `ejected_until`, then one at a time, until one is answered well (balance/circuit_breaker.hpp).
// Loops eject for failures in a row, the registry for a success rate below the others'.
//
// Units: nanoseconds since boot in the counters. Any thread.
#pragma once

#include "common/base/time.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

struct EjectionTimes {
  Duration first = 1s;
  Duration max = 30s;  // each time twice as long, up to this
  // After so long without an ejection the next one is a first one again.
  Duration forgiven_after = 60s;
};

// Returns for how long.
Duration eject(WorkerCounters& counters, const EjectionTimes& times, Instant now);

}  // namespace tandem::master
