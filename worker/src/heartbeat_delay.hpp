// heartbeat_delay.hpp: the delay before the next heartbeat to one master.
//
// Jitter spreads the heartbeats of workers that were started together. It only shortens the delay,
// because the interval is a promise to the master. A master that is away is tried less and less
// often, but often enough to hear from all workers within seconds of its return.
#pragma once

#include <algorithm>

#include "common/base/time.hpp"
#include "worker/src/limits.hpp"

namespace tandem {

// `failures`: heartbeats in a row that were not accepted; `random`: uniform in 0 to 1.
inline Duration heartbeat_delay(Duration interval, unsigned failures, double random) {
  const Duration longest = std::max<Duration>(interval, limits::heartbeat_backoff_max);
  Duration delay = interval;
  for (unsigned i = 1; i < failures && delay < longest; ++i) delay *= 2;
  delay = std::min(delay, longest);
  return delay - std::chrono::duration_cast<Duration>(delay * (random * limits::heartbeat_jitter));
}

}  // namespace tandem
