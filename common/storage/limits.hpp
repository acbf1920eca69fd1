// limits.hpp: what the durable log keeps.
#pragma once

#include <cstddef>

namespace tandem::limits {

// SQLite's write-ahead log is emptied into the database once a commit leaves it at this size, and
// cut back to it when it was larger: a thousand commits of three pages, read again within
// milliseconds.
inline constexpr std::size_t wal_bytes_max = 4 * 1024 * 1024;

}  // namespace tandem::limits
