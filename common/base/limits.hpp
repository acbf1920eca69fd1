// limits.hpp: the limits that several folders share. Everything that can grow has a limit, with its
// unit and the reason for the number. A limit is in the limits.hpp of the folder that it belongs
// to, so that a change rebuilds that folder only; this file has those that folders without a common
// dependency need. Limits that a user may change are flags; these are their defaults.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// ---- names and addresses ------------------------------------------------------------------------
// Long enough for a DNS label (RFC 1035 §2.3.4: 63 octets) and a separator; short enough for any
// table.
inline constexpr std::size_t name_bytes_max = 64;
// A host name is at most 253 characters in text (RFC 1035 §3.1).
inline constexpr std::size_t host_bytes_max = 253;
// getaddrinfo returns no TTL, so a name is looked up again at this interval, and one that cannot be
// resolved (its service is just being set up) sooner. Addresses of one name beyond the limit are
// not tried.
inline constexpr auto name_lookup_interval = 30s;
inline constexpr auto name_lookup_retry = 2s;
inline constexpr std::size_t name_addresses_max = 16;

// ---- the process --------------------------------------------------------------------------------
// 16 random characters of base64 are 96 bits: beyond guessing over a network.
inline constexpr std::size_t token_bytes_min = 16;
inline constexpr std::size_t token_bytes_max = 4 * 1024;
// Queued lines; the oldest are dropped when stderr is slow.
inline constexpr std::size_t log_lines_max = 8'192;
// A configuration file; people write a few pages of it.
inline constexpr std::size_t config_bytes_max = 1024 * 1024;

// ---- connections and requests -------------------------------------------------------------------
inline constexpr auto connect_max = 1s;  // one attempt; the next worker is tried after it
inline constexpr std::size_t buffer_bytes = 16 * 1024;  // heads and small bodies
// The longest time-out of a whole request that a client or a service may set.
inline constexpr auto request_timeout_settable_max = 24h;
inline constexpr auto drain_max = 30s;

}  // namespace tandem::limits
