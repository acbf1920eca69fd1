// limits.hpp: connections of clients.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Pipelined requests of one client that are served without a look at the others.
inline constexpr unsigned pipelined_in_a_row_max = 16;
// Of the rest of a request, read and thrown away before the close for linger_max at most; more, and
// longer, while the client takes its answer.
inline constexpr std::size_t linger_bytes_max = 256 * 1024;

// A client of HTTP/2 that is told to go has so long to answer the PING behind the first GOAWAY
// (RFC 9113 §6.8).
inline constexpr auto http2_drain_ping_max = 1s;

// ---- when descriptors, connections or memory run out --------------------------------------------
// Clients that have been idle for so long are closed, so many at a time, out of those that are
// looked at.
inline constexpr auto idle_when_scarce = 1s;
inline constexpr unsigned shed_at_once_max = 16;
inline constexpr unsigned shed_looked_at_max = 256;

}  // namespace tandem::limits
