// limits.hpp: the service that a tandem-worker stands for.
#pragma once

#include <chrono>

namespace tandem::limits {

using namespace std::chrono_literals;

// A target that accepts connections and does not answer is busy, for as long as masters wait for an
// answer by default; then it is failing.
inline constexpr auto target_busy_max = 30s;
// Of a service that tells nobody how many it can hold: most servers take some hundred.
inline constexpr unsigned target_connections = 256;

}  // namespace tandem::limits
