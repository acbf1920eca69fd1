// limits.hpp: what the failover protocol holds and sends.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem::limits {

// Seven voters survive three losses; more would only make each commit wait for more disks.
inline constexpr std::size_t voters_max = 7;
inline constexpr std::size_t witnesses_max = 3;
// Every master votes; a worker heartbeats to each from a thread of its own.
inline constexpr std::size_t masters_max = 5;
// One change of cluster state: a worker's registration is about 300 bytes.
inline constexpr std::size_t command_bytes_max = 16 * 1024;
// Changes that wait for their commit; more are refused as busy. Two seconds' worth on a slow disk.
inline constexpr std::size_t uncommitted_entries_max = 1'024;
// Entries and command bytes of one append message: small enough that a heartbeat never waits
// behind it.
inline constexpr std::size_t append_entries_max = 64;
inline constexpr std::size_t append_bytes_max = 256 * 1024;
// Append messages on their way to one member: enough to fill a disk's queue, few enough to hold in
// memory.
inline constexpr std::size_t appends_in_flight_max = 16;
// Entries kept before a snapshot is asked for: a member that was away for less is sent entries.
inline constexpr std::size_t log_entries_max = 8'192;
// The whole state: 20,000 workers of 300 bytes, and as much again.
inline constexpr std::size_t snapshot_bytes_max = 16 * 1024 * 1024;
// Grants that a master holds and may not use yet, because its state lags behind: as many as arrive
// while one lasts.
inline constexpr std::size_t grants_waiting_max = 32;
// A message whose term is further ahead than this is damaged or hostile: believing it would use up
// the terms. Eleven days of an election each second stay below it.
inline constexpr std::uint64_t term_jump_max = 1'000'000;

}  // namespace tandem::limits
