// limits.hpp: the limits of virtual addresses (--vip).
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Addresses of one master: one for each family and a few more are common.
inline constexpr std::size_t vips_max = 16;
// After this time, in whole seconds, the kernel removes the address of a master that is frozen or
// was killed; a master that serves renews it. Well above any default lease, so that only a process
// that has lost its lease loses the address.
inline constexpr auto vip_lifetime = 3s;
inline constexpr auto vip_renewal = 1s;
// How long a master that gives leadership away waits for the removal of its address before it does
// so: a hundred times what the kernel needs.
inline constexpr auto vip_removal_wait = 10ms;

}  // namespace tandem::limits
