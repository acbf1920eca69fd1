// limits.hpp: connections of clients.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Pipelined requests of one client that are served without a look at the others.
inline constexpr unsigned pipelined_in_a_row_max = 16;
// The rest of a request that was answered early is read and thrown away, because many a client
// reads no answer before it has sent all, and a close meanwhile takes the answer from it. For so
// long in all, and without anything that arrives; longer while the client takes its answer.
inline constexpr auto linger_for_answer_max = 30s;
inline constexpr auto linger_gap_max = 5s;
// One who is told nothing is read on for linger_max, and so many bytes.
inline constexpr std::size_t linger_bytes_max = 256 * 1024;

// When clients are told to go, one that has just come has so long for its first request.
inline constexpr auto first_request_max = 2s;

// A client of HTTP/2 that is told to go has so long to answer the PING behind the first GOAWAY
// (RFC 9113 §6.8).
inline constexpr auto http2_drain_ping_max = 1s;

// One that is answered before it has sent its whole request may send on (linger_for_answer_max),
// and be silent for so long meanwhile; then its stream is reset.
inline constexpr auto http2_linger_gap_max = 1s;

// One that has asked for nothing for so long gives back what memory it can.
inline constexpr auto http2_settling = 1s;

// A header of the PROXY protocol: two addresses of IPv6, and what load balancers of clouds add.
inline constexpr std::size_t proxy_header_bytes_max = 4 * 1024;
// The version of TLS that it tells: "TLSv1.3".
inline constexpr std::size_t proxy_tls_version_bytes_max = 16;
// The CN of a client's certificate; of a longer one nothing is told but that it was shown.
inline constexpr std::size_t proxy_common_name_bytes_max = 256;
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
