// limits.hpp: the limits of the durable log.
#pragma once

#include <cstddef>

namespace tandem::limits {

// When a commit leaves SQLite's write-ahead log at this size or more, the log is checkpointed into
// the database and truncated to this size: about a thousand commits of three pages, which are read
// again within milliseconds.
inline constexpr std::size_t wal_bytes_max = 4 * 1024 * 1024;

}  // namespace tandem::limits
