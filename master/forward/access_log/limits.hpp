// limits.hpp: how long a line is, and how many wait to be written.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// A line is for finding a request, not for keeping it: what is longer is cut, and says so.
inline constexpr std::size_t access_log_target_bytes_max = 1'024;
inline constexpr std::size_t access_log_method_bytes_max = 32;
inline constexpr std::size_t access_log_text_bytes_max = 512;  // host, user agent, referer, route
inline constexpr std::size_t access_log_clauses_max = 16;      // each request is compared with all
inline constexpr unsigned access_log_sample_max = 1'000'000;
// Per loop: about 5,000 requests that wait to be written, a tenth of a second at full speed; more
// are lost.
inline constexpr std::size_t access_log_ring_bytes = 1024 * 1024;
inline constexpr std::size_t access_log_write_bytes = 64 * 1024;  // lines gathered for one write
inline constexpr auto access_log_interval = 10ms;                 // how often the rings are emptied
inline constexpr auto access_log_close_max = 1s;  // at the end: for a reader that does not read

}  // namespace tandem::limits
