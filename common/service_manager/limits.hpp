// limits.hpp: the limits of what is said to a service manager.
#pragma once

#include <cstddef>

#include "common/base/time.hpp"

namespace tandem::limits {

// Longer texts are cut: what systemd reads of a datagram is 4 KiB, and people read one line.
inline constexpr std::size_t status_text_bytes_max = 500;
// Two of them may be lost or late, and the process is still alive.
inline constexpr int beats_per_watchdog = 3;
// Longer watchdogs count as this one.
inline constexpr Duration watchdog_max = 24h;

}  // namespace tandem::limits
