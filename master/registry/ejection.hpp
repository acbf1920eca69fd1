// ejection.hpp: a failing worker gets no requests for a while, each time for longer.
//
// The state is in the worker's WorkerCounters, so that all loops see it at once: no requests until
// `ejected_until`, then one at a time, until one succeeds (balance/circuit_breaker.hpp). Loops
// eject for failures in a row, the registry for a success rate below the others'.
//
// Units: nanoseconds since boot in the counters. Any thread.
#pragma once

#include "common/base/time.hpp"
#include "master/registry/snapshot.hpp"

namespace tandem::master {

struct EjectionTimes {
  Duration first = 1s;
  Duration max = 30s;  // each time twice as long, up to this
  // After this time without an ejection, the next one is as short as the first.
  Duration forgiven_after = 60s;
};

// How many there have been in this process: who remembers the number sees whether there was another
// one.
std::uint64_t ejections_ever();

// Returns the length of the ejection.
Duration eject(WorkerCounters& counters, const EjectionTimes& times, Instant now);

}  // namespace tandem::master
