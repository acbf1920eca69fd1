// limits.hpp: buffers.
#pragma once

#include <cstddef>

namespace tandem::limits {

inline constexpr std::size_t large_buffer_bytes = 256 * 1024;  // streaming of large bodies
inline constexpr std::size_t spare_buffers_max = 1'024;        // per loop, kept for reuse (16 MiB)

}  // namespace tandem::limits
