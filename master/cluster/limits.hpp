// limits.hpp: what a master keeps of the changes it is asked for.
#pragma once

#include <cstddef>

namespace tandem::limits {

// Lives of masters whose last change the state remembers, so that none is applied twice.
inline constexpr std::size_t command_clients_max = 256;
// Workers that a new primary tells its term at once.
inline constexpr std::size_t announcements_max = 256;

}  // namespace tandem::limits
