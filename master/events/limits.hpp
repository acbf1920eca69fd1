// limits.hpp: the limits of events.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Kept in memory, the newest: days of a quiet cluster, and the fall of a thousand workers.
inline constexpr std::size_t events_max = 4'096;
// Of one text of an event; what is longer, such as all settings of a service, is cut.
inline constexpr std::size_t event_text_bytes_max = 512;
// Open at once: each costs a socket, and a wake-up for each event.
inline constexpr std::size_t event_streams_max = 64;
// A stream without an event has a comment this often, so that both ends notice that the other is
// gone.
inline constexpr auto event_heartbeat = 5s;
// Of the file with the times of changes, which has a line for each of the newest.
inline constexpr std::size_t change_times_bytes_max = events_max * 64;
// Of events, sent in one write, so that a long list does not hold up the control loop.
inline constexpr std::size_t event_part_bytes_max = 64 * 1024;

}  // namespace tandem::limits
