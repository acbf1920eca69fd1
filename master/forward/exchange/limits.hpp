// limits.hpp: one request, and its attempts at workers.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// What a client costs that has no buffer: half a kilobyte here, the rest in the kernel.
inline constexpr std::size_t client_connection_bytes = 4 * 1024;
// What one takes besides that speaks TLS, in OpenSSL; and one that is about to, whose handshake has
// begun.
inline constexpr std::size_t tls_connection_bytes = 12 * 1024;
inline constexpr std::size_t tls_handshake_bytes = 64 * 1024;

// ---- attempts -----------------------------------------------------------------------------------
// Must stay below the keep-alive time of workers (75 s)
inline constexpr auto upstream_idle_max = 30s;
// To one request; a worker that sends more is broken: 502
inline constexpr unsigned interim_responses_max = 64;
// Request body kept so that it can be resent
inline constexpr std::size_t replay_bytes_max = 64 * 1024;
// The longest pause between two attempts; retry_backoff is the first.
inline constexpr auto retry_backoff_max = 1s;
// An answer that does not say its length is held for so long, when another worker could be asked if
// it broke off: most short ones are whole by then, and others come little by little anyway.
inline constexpr auto answer_hold_max = 10ms;

// ---- while the primary changes ------------------------------------------------------------------
// Per loop; more get 503 at once. Each holds a buffer or two: 256 MiB at most.
inline constexpr std::size_t takeover_waiters_max = 8'192;
// From one loop of a standby to the primary: far more than it needs for what it forwards itself.
inline constexpr unsigned primary_connections_max = 4'096;
// Before a primary that refused, broke off or does not lead is asked again, while nobody else is
// known.
inline constexpr auto primary_pause = 50ms;
// A body that is too large to be kept is held back so long for the primary's word that a worker
// takes the request, then sent all the same: longer than a primary takes to find one, as a rule.
// One of an older version never says it.
inline constexpr auto word_wait_max = 2s;
// A primary that was replaced and works on what must not be sent again is asked for a sign of life,
// and has so long to give it: one that handed over does, one that is frozen does not. Then it is
// asked again after as long.
inline constexpr auto superseded_answer_max = 1s;

// ---- challenges of ACME -------------------------------------------------------------------------
// A token has 22 characters or more of base64url (RFC 8555 §8.3), in practice 43; its file one line
// of about 90.
inline constexpr std::size_t challenge_token_bytes_max = 128;
inline constexpr std::size_t challenge_bytes_max = 4 * 1024;
// How long a client waits for the disk, then 503; and how many clients of all loops do.
inline constexpr auto challenge_read_max = 2s;
inline constexpr unsigned challenges_waiting_max = 64;

// Between two lines of the log about a primary to which no request can be passed on.
inline constexpr auto no_way_complaint = 10s;

// A path that servers read differently, where routes demand certificates; each of its readings is
// looked up, which takes a tenth of a millisecond at this length: 414 beyond it.
inline constexpr std::size_t ambiguous_path_bytes_max = 2 * 1024;

}  // namespace tandem::limits
