// limits.hpp: the limits of workers and routes, and of health checks.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Workers that one master keeps; beyond that, registrations are refused with a message.
inline constexpr std::size_t workers_max = 20'000;
// Routes that lead hosts and paths to services; each is a line that somebody wrote.
inline constexpr std::size_t routes_max = 10'000;
// All their hosts and prefixes together, so that they fit into a snapshot of the state beside all
// workers: 200 bytes each for routes_max routes.
inline constexpr std::size_t routes_bytes_max = 2 * 1024 * 1024;
// Workers that were removed while they were alive, so that each can be told when it heartbeats
// again. The oldest is forgotten after a thousand others.
inline constexpr std::size_t removed_workers_max = 1'024;
inline constexpr auto forget_after = 10min;  // a worker that is down for this long is forgotten
// Failures in a row of which a worker's status tells, while it stays for want of a better one: as
// many as eject another (--eject-after), unless that is set.
inline constexpr unsigned failures_told_min = 5;
// A worker that flaps is tried again at least this often.
inline constexpr auto suspicion_max = 30s;

// ---- health checks ------------------------------------------------------------------------------
// Health probes under way at once; each needs a socket.
inline constexpr std::size_t probes_max = 1'024;
inline constexpr auto probe_timeout_min = 200ms;  // a busy server may need this long for an answer
inline constexpr auto probe_timeout_max = 2s;

// Services whose checks are counted apart; what comes later counts as "other".
inline constexpr std::size_t checked_services_max = 256;

// ---- a change of the primary --------------------------------------------------------------------
// How long a client's request at a master that does not lead, or a change, waits for a primary:
// twice the longest takeover with the default timing.
inline constexpr auto takeover_wait_max = 2s;

}  // namespace tandem::limits
