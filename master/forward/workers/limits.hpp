// limits.hpp: how long a service may keep a client waiting, and how often it is tried.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tandem::limits {

using namespace std::chrono_literals;

// ---- time-outs and the pace of bodies -----------------------------------------------------------
inline constexpr auto client_idle_max = 60s;  // closed: keep-alive without a request
// 504: from the request's last byte to the response head
inline constexpr auto response_head_max = 30s;
// After 101: a WebSocket that says nothing for so long is cut
inline constexpr auto tunnel_idle_max = 10min;

// A worker that speaks HTTP/2 and has said nothing for so long, while calls wait, is asked whether
// it is there; a quarter of that later new calls go over another connection, and when it has not
// answered after all of it, this one is given up. A call that was cancelled keeps its place for so
// long, or up to twice, when nothing else tells of its end.
inline constexpr auto http2_quiet_max = 4s;
// So many PINGs since the worker's last answer, or part of one: servers of gRPC take two in five
// minutes beyond the first, and close a connection that brings more.
inline constexpr unsigned http2_pings_max = 3;
// What a worker of HTTP/2 still sends after it was told why its connection ends is read and thrown
// away, for limits::linger_max at most: a close with unread bytes would take that word back.
inline constexpr std::size_t worker_linger_bytes_max = 256 * 1024;
// Heads that a worker has sent and nobody has read yet, of one call, as text: HTTP/2 gives no
// credit for them. The final one may need half of it.
inline constexpr std::size_t http2_unread_heads_bytes_max = 128 * 1024;
// An answer of HTTP/1 that nobody waits for any more has so long, and so many bytes, to come to its
// end; then its connection is closed. Longer would hide for long from a worker that its client has
// gone; most answers come sooner.
inline constexpr auto leftover_answer_max = 250ms;
inline constexpr std::size_t leftover_answer_bytes_max = 64 * 1024;

// ---- attempts -----------------------------------------------------------------------------------
// At workers that may have seen the request: the first and two more
inline constexpr unsigned attempts_max = 3;
// Before another try after an answer that is worth one: up to this, doubled each time, up to
// retry_backoff_max
inline constexpr auto retry_backoff = 25ms;

// ---- waiting for a worker when all are full -----------------------------------------------------
// Per loop and service; more get 503 at once
inline constexpr std::size_t queue_requests_max = 1'024;
inline constexpr auto queue_wait_max = 1s;  // then 503 with Retry-After

// ---- policies -----------------------------------------------------------------------------------
// That the routes to one service may ask for, besides its own; per loop, more displace the others
inline constexpr std::size_t route_policies_max = 16;

// A worker that says something that nobody asked for has each request on a connection of its own
// for so long.
inline constexpr auto distrust_time = 10min;

// Between two lines of the log about handshakes with workers that fail.
inline constexpr auto handshake_complaint = 5s;

}  // namespace tandem::limits
