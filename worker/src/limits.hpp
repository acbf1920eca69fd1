// limits.hpp: the limits of a worker's server and of its heartbeats.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// ---- heartbeats ---------------------------------------------------------------------------------
// A master answers in well under a millisecond; one that takes longer than these is treated as
// away.
inline constexpr auto heartbeat_connect_max = 500ms;
inline constexpr auto heartbeat_answer_max = 1s;
// A master that returns hears from all workers within this time.
// A thread of which nothing is seen for so long beyond its time hangs: it waits less for a master.
inline constexpr auto heartbeat_hangs_after = 20s;
inline constexpr auto heartbeat_backoff_max = 2s;
inline constexpr double heartbeat_jitter = 0.1;  // of the interval, taken off at random
// A master may have chosen this worker just before it heard the bye.
inline constexpr auto bye_grace = 100ms;
// Who was made a master a moment ago may send requests before a heartbeat has told: the masters are
// asked, which takes milliseconds. The other limit holds against a removed one that asks for ever.
inline constexpr auto roll_patience = 500ms;
inline constexpr auto roll_asked_every = 100ms;

// ---- the server ---------------------------------------------------------------------------------
inline constexpr auto worker_idle_max = 75s;  // above upstream_idle_max of the masters
// Requests on one connection; then it is closed.
inline constexpr std::size_t worker_requests_max = 1'000'000;
inline constexpr std::size_t worker_body_bytes_max = 64 * 1024 * 1024;  // 413; held in memory
// How much of a body that no handler wants (with GET and similar methods) is read, so that the
// connection can be reused.
inline constexpr std::size_t worker_dropped_bytes_max = 64 * 1024;
// Connections that have not sent a head yet, so that their callers are unknown, besides as many as
// masters may open, which a new primary does all at once; the oldest gives way to the next. A
// master sends a head within a millisecond of connecting, but threads have to read them all.
inline constexpr unsigned worker_newcomers_max = 64;
// A handshake of TLS, which takes a master a few milliseconds.
inline constexpr auto worker_handshake_max = 10s;
// The stack of a thread that serves requests: 4 KiB for each character of the longest target,
// because std::regex recurses once for each character. Unused pages cost nothing.
inline constexpr std::size_t worker_stack_bytes = 64 * 1024 * 1024;
// For callers other than masters: health checks, people.
inline constexpr unsigned direct_connections = 16;
inline constexpr int listen_backlog = 1'024;  // connections that wait to be accepted

// ---- the witness --------------------------------------------------------------------------------
// Connections to a witness: the masters and a few health checks; strangers get only a part of them.
inline constexpr std::size_t witness_connections_max = 256;
inline constexpr std::size_t witness_strangers_max = 192;

// A connection that a witness makes to a master: how long that may take, and the pauses between
// attempts: while a master is away, and when it has said no, or ends what it has begun at once.
inline constexpr auto link_made_within = 2s;
inline constexpr auto link_pause_first = 1ms;
inline constexpr auto link_pause_max = 100ms;
inline constexpr auto link_pause_refused_max = 2s;
inline constexpr auto link_lasts = 1s;

// How long masters may present what follows from this worker's former token: they hear of the new
// one by the next heartbeat, and one that is restarting later.
inline constexpr auto former_token_for = 60s;

}  // namespace tandem::limits
