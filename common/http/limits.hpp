// limits.hpp: the limits of the control address's server.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

inline constexpr std::size_t control_connections_max = 25'000;  // every worker keeps one
// Connections that have presented no token and sent no heartbeat: enough to hear all workers when
// they return at once, and few enough to hold their heads in memory (64 MiB).
inline constexpr std::size_t control_strangers_max = 4'096;
// Longer than the longest heartbeat interval.
inline constexpr auto control_idle_max = 75s;
// Answered with 431; our own requests have about 300 bytes.
inline constexpr std::size_t control_header_bytes_max = 16 * 1024;
inline constexpr auto control_request_max = 10s;  // from the first byte to the last of a request
// How many peers are verified again, a tenth of a millisecond each, before others get a turn.
inline constexpr std::size_t control_verified_at_once = 64;
// Read after a refusal, so that the client sees the answer.
inline constexpr std::size_t discarded_bytes_max = 1024 * 1024;
// How much of a stranger's text a refusal quotes.
inline constexpr std::size_t quoted_bytes_max = 100;

}  // namespace tandem::limits
