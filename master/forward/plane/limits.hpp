// limits.hpp: clients and descriptors of the process.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Per process, if there are descriptors for so many; more wait to be accepted
inline constexpr std::size_t client_connections_max = 100'000;
// That one address may have, as it can be set
inline constexpr unsigned client_connections_settable_max = 100'000;
// Of the descriptors so many are kept for files, loops and the control address, or an eighth of
// all. Of the rest half is for workers, since each client may have one at work, but no more than
// so many; clients may have what is left.
inline constexpr std::size_t descriptors_kept_min = 32;
inline constexpr std::size_t descriptors_kept_per_loop = 4;
inline constexpr std::size_t descriptors_for_workers_max = 4'096;
// Of all loops together, as it can be set: less does not hold the buffers of a few requests.
inline constexpr std::size_t memory_min = 1024 * 1024;
// Between two attempts to accept when there is no room, and between two lines of the log about it
inline constexpr auto accept_pause = 100ms;
inline constexpr auto accept_complaint = 10s;

}  // namespace tandem::limits
