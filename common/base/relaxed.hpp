// relaxed.hpp: the order of counters and flags by which nobody finds other memory.
#pragma once

#include <atomic>

namespace tandem {

inline constexpr auto relaxed = std::memory_order_relaxed;

}  // namespace tandem
