// limits.hpp: the limits of heads, and how long an HTTP/1.1 server waits for one (RFC 9110 §15.5,
// RFC 6585 §5).
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// ---- requests -----------------------------------------------------------------------------------
inline constexpr std::size_t header_bytes_max = 64 * 1024;  // 431
inline constexpr std::size_t header_fields_max = 256;       // 431
inline constexpr std::size_t target_bytes_max = 16 * 1024;  // 414
// 414: the target, a version, and room for any method.
inline constexpr std::size_t request_line_bytes_max = target_bytes_max + 1024;

// ---- responses ----------------------------------------------------------------------------------
inline constexpr std::size_t response_head_bytes_max = 64 * 1024;  // 502
// 502. More than in a request: some services set a cookie for each of their parts.
inline constexpr std::size_t response_fields_max = 1'024;

// ---- waiting ------------------------------------------------------------------------------------
inline constexpr auto header_read_max = 10s;  // 408: from first byte to end of head
// Between two reads or writes of a body.
inline constexpr auto body_idle_max = 60s;
// After an early answer, the rest of the request is read and discarded for this long before the
// close, so that the answer is not lost to a reset (RFC 9112 §9.6).
inline constexpr auto linger_max = 1s;

}  // namespace tandem::limits
