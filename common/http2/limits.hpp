// limits.hpp: one question over HTTP/2.
#pragma once

#include <cstddef>

namespace tandem::limits {

// Of one answer: names and values of its fields together, its content that is kept, and all bytes
// of the connection, so that a server which never comes to the point is not listened to for ever.
inline constexpr std::size_t http2_answer_fields_bytes_max = 64 * 1024;
inline constexpr std::size_t http2_answer_body_bytes_max = 16 * 1024;
inline constexpr std::size_t http2_answer_bytes_max = 256 * 1024;

}  // namespace tandem::limits
