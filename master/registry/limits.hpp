// limits.hpp: the workers and routes that one master keeps, and how it learns of their health.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Workers that one master keeps; beyond it registration is refused with a sentence.
inline constexpr std::size_t workers_max = 20'000;
// Routes that lead hosts and paths to services; each is a line that somebody wrote.
inline constexpr std::size_t routes_max = 10'000;
// Their hosts and prefixes together, so that a snapshot of the state holds them beside all workers:
// 200 bytes each when there are routes_max.
inline constexpr std::size_t routes_bytes_max = 2 * 1024 * 1024;
// Workers that an operator removed while they were about: each is told so when it heartbeats again,
// and a thousand removed since then are enough to forget one.
inline constexpr std::size_t removed_workers_max = 1'024;
inline constexpr auto forget_after = 10min;  // down for so long: forgotten
// A worker that flaps is tried again at least this often
inline constexpr auto suspicion_max = 30s;

// ---- health checks ------------------------------------------------------------------------------
// Health probes under way at once: a socket each
inline constexpr std::size_t probes_max = 1'024;
inline constexpr auto probe_timeout_min = 200ms;  // a busy server may take so long for an answer
inline constexpr auto probe_timeout_max = 2s;

// ---- a change of the primary --------------------------------------------------------------------
// A client's request at a master that does not lead, or a change of state, waits so long for a
// primary: twice the longest takeover with the default timing.
inline constexpr auto takeover_wait_max = 2s;

}  // namespace tandem::limits
