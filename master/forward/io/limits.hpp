// limits.hpp: buffers, and stalls of a loop.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

inline constexpr std::size_t large_buffer_bytes = 256 * 1024;  // streaming of large bodies
inline constexpr std::size_t spare_buffers_max = 1'024;        // per loop, kept for reuse (16 MiB)

// A loop that is so late was kept from running (a machine that was suspended, a process that was
// stopped), and that time counts against nobody. Less is the work of a busy loop.
inline constexpr auto stall_min = 500ms;

}  // namespace tandem::limits
