// limits.hpp: the limits of the client library.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

inline constexpr std::size_t client_connections_kept = 16;  // idle, per master; more are closed
// A master closes a connection that idles for client_idle_max; one that has idled for half of that
// is not reused.
inline constexpr auto client_connection_idle_max = 30s;
// A standby names the primary; a longer chain means that the masters disagree about which one that
// is.
inline constexpr unsigned client_redirects_max = 3;
// The pause between two rounds of all masters: the first is as short as a takeover after a crash,
// the longest a fraction of one after a freeze.
inline constexpr auto client_backoff_min = 10ms;
inline constexpr auto client_backoff_max = 200ms;
// Connections that are kept for each control address: one for each watch.
inline constexpr std::size_t client_controls_kept = 4;
// How much of a streamed body is held at a time in each direction.
inline constexpr std::size_t client_piece_bytes = 64 * 1024;
// How long a streamed request waits for 100 Continue, which some servers do not send; a master that
// waits for a primary is silent for takeover_wait_max.
inline constexpr auto client_continue_max = 3s;
// How often a streamed body is sent again from its beginning in a call.
inline constexpr unsigned client_restarts_max = 3;

}  // namespace tandem::limits
