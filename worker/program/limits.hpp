// limits.hpp: the limits for a target, the service that a tandem-worker registers, and of what
// systemd is told.
#pragma once

#include <chrono>

namespace tandem::limits {

using namespace std::chrono_literals;

// A target that accepts connections but does not answer counts as busy for this time, which is how
// long masters wait for an answer by default; then it is failing.
inline constexpr auto target_busy_max = 30s;
// Assumed for a service that does not say how many it accepts: most servers accept some hundred.
inline constexpr unsigned target_connections = 256;

// How often a worker looks how it stands, if systemd listens; until a master knows it, since units
// that wait for it start then.
inline constexpr auto standing_interval = 1s;
inline constexpr auto ready_interval = 50ms;
// What ending takes besides answering requests: saying bye to masters that may not answer.
inline constexpr auto stop_margin = 15s;

}  // namespace tandem::limits
