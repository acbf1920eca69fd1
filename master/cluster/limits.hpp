// limits.hpp: the limits of changes and of a primary's announcements.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

// Runs of masters whose last change the state remembers, so that no change is applied twice.
inline constexpr std::size_t command_clients_max = 256;
// Workers to which a new primary announces its term at the same time.
inline constexpr std::size_t announcements_max = 256;
// Workers with which a master that does not lead makes the first handshake at the same time: a
// thousand a second take half of a core.
inline constexpr unsigned visits_max = 64;
// Between two visits to one with which that has failed, and between two looks at all of them.
inline constexpr std::chrono::seconds visit_pause(60);
inline constexpr std::chrono::milliseconds visit_interval(500);

}  // namespace tandem::limits
