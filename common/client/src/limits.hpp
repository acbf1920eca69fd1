// limits.hpp: what the client library holds, and how it tries again.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

inline constexpr std::size_t client_connections_kept = 16;  // idle, per master; more are closed
// A master closes a connection that idles for client_idle_max: one that idled for half of that is
// not used again.
inline constexpr auto client_connection_idle_max = 30s;
// A standby names the primary; a chain of them is masters that disagree about who that is.
inline constexpr unsigned client_redirects_max = 3;
// Between two rounds of all masters: the first within a crash's takeover, the longest a fraction of
// one after a freeze.
inline constexpr auto client_backoff_min = 10ms;
inline constexpr auto client_backoff_max = 200ms;
// Of a streamed body, held at a time in each direction.
inline constexpr std::size_t client_piece_bytes = 64 * 1024;
// A server that knows nothing of 100 Continue costs a streamed request so long; a master that waits
// for a primary says nothing for takeover_wait_max.
inline constexpr auto client_continue_max = 3s;
// A streamed body is sent again from its beginning so often in a call.
inline constexpr unsigned client_restarts_max = 3;

}  // namespace tandem::limits
