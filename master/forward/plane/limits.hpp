// limits.hpp: clients and descriptors of the process.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Per process, if there are enough descriptors; more clients wait to be accepted
inline constexpr std::size_t client_connections_max = 100'000;
// The most that --client-connections can be set to
inline constexpr unsigned client_connections_settable_max = 100'000;
// Descriptors that are kept for files, loops and the control address, if that is more than an
// eighth of all. Half of the others is for workers, since each client may need a connection to one,
// but no more than descriptors_for_workers_max; clients may have what is left.
inline constexpr std::size_t descriptors_kept_min = 32;
inline constexpr std::size_t descriptors_kept_per_loop = 4;
inline constexpr std::size_t descriptors_for_workers_max = 4'096;
// While a process before this one passes clients on, there may be an eighth more: the connections
// by which that process passes requests on are counted too, and end with it.
inline constexpr std::size_t former_share = 8;
// The least that --memory can be set to, for all loops: less does not hold the buffers of a few
// requests.
inline constexpr std::size_t memory_min = 1024 * 1024;
// Between two attempts to accept when there is no room, and between two lines of the log about it
inline constexpr auto accept_pause = 100ms;
inline constexpr auto accept_complaint = 10s;
// An address that is left by a reload takes nobody new, and waits so long for those whose first
// packet has been answered: a round trip of nearly any client
inline constexpr auto connecting_max = 250ms;
// ... and then so long for those who wait to be accepted, if there is no room for them
inline constexpr auto leaving_max = 10s;
// A reload waits so long until its old addresses are closed; they are in the end, without it
inline constexpr auto leaving_awaited_max = 2s;

}  // namespace tandem::limits
