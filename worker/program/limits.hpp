// limits.hpp: the limits for a target, the service that a tandem-worker registers.
#pragma once

#include <chrono>

namespace tandem::limits {

using namespace std::chrono_literals;

// A target that accepts connections but does not answer counts as busy for this time, which is how
// long masters wait for an answer by default; then it is failing.
inline constexpr auto target_busy_max = 30s;
// Assumed for a service that does not say how many it accepts: most servers accept some hundred.
inline constexpr unsigned target_connections = 256;

}  // namespace tandem::limits
