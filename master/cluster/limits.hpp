// limits.hpp: the limits of changes and of a primary's announcements.
#pragma once

#include <cstddef>

namespace tandem::limits {

// Runs of masters whose last change the state remembers, so that no change is applied twice.
inline constexpr std::size_t command_clients_max = 256;
// Workers to which a new primary announces its term at the same time.
inline constexpr std::size_t announcements_max = 256;

}  // namespace tandem::limits
