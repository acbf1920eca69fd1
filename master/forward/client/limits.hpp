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

// When clients are told to go, one that has just come has so long for its first request.
inline constexpr auto first_request_max = 2s;

// A client of HTTP/2 that is told to go has so long to answer the PING behind the first GOAWAY
// (RFC 9113 §6.8).
inline constexpr auto http2_drain_ping_max = 1s;

// One that is answered before it has sent its whole request has so long to read that before its
// stream is reset.
inline constexpr auto http2_answer_read_max = 1s;

// One that has asked for nothing for so long gives back what memory it can.
inline constexpr auto http2_settling = 1s;

// A header of the PROXY protocol: two addresses of IPv6, and what load balancers of clouds add.
inline constexpr std::size_t proxy_header_bytes_max = 4 * 1024;
// Between two lines of the log about headers of the PROXY protocol that are refused.
inline constexpr auto proxy_complaint = 10s;
// ... and about those who come to the inner address and are no master of this cluster.
inline constexpr auto inner_complaint = 10s;

// ---- handshakes of TLS --------------------------------------------------------------------------
// Of all loops together: each takes up to 64 KiB until it is done.
inline constexpr std::size_t handshakes_max = 2'048;
// Of one address: an office that reconnects as a whole, in 50 ms each, gets 5,000 in a second.
inline constexpr unsigned handshakes_per_client_max = 256;
// That go further in one turn of the loop: a signature with RSA-2048 takes half a millisecond.
inline constexpr unsigned handshake_steps_a_turn = 4;

// ---- when descriptors, connections or memory run out --------------------------------------------
// Clients that have been idle for so long are closed, so many at a time, out of those that are
// looked at.
inline constexpr auto idle_when_scarce = 1s;
inline constexpr unsigned shed_at_once_max = 16;
inline constexpr unsigned shed_looked_at_max = 256;

}  // namespace tandem::limits
