// limits.hpp: the address that clients use (--vip).
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Addresses of one master: one for each family and a few more are common.
inline constexpr std::size_t vips_max = 16;
// The kernel removes an address of a master that is frozen or was killed after it, in whole
// seconds; a master that serves renews it so often. Well above any lease by default, so that only a
// process that has lost its lease loses the address.
inline constexpr auto vip_lifetime = 3s;
inline constexpr auto vip_renewal = 1s;
// Whoever gives leadership away waits so long for its address to be gone before it says so: a
// hundred times what the kernel needs.
inline constexpr auto vip_removal_wait = 10ms;

}  // namespace tandem::limits
