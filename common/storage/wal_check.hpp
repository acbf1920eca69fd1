// wal_check.hpp: whether the write-ahead log beside a database holds all that was synced into it.
//
// SQLite reads the log up to the first frame with a wrong checksum and takes the rest for a write
// that a crash cut short. That is only right at the end of the log: a commit is synced before the
// next one is written, so a bad frame before a later commit is damage, and SQLite would silently
// drop what was promised to others (R1, R2).
//
// LogStore empties the log before it writes again, so at most one commit in a log was cut short.
//
// It cannot detect damage to the very last commit, nor a log that was truncated or removed; they
// look like a crash a moment earlier.
//
// The format: https://sqlite.org/fileformat2.html#the_write_ahead_log. Internal to this folder.
#pragma once

#include <filesystem>

#include "common/base/result.hpp"

namespace tandem::storage {

// What SQLite calls a page, as we set it.
inline constexpr std::size_t wal_page_bytes = 4096;

// Reads the file, if there is one, and changes nothing. Errors: `invalid` with what is wrong ("has
// a damaged write-ahead log (frame 3)"), `io`.
Result<> check_wal(const std::filesystem::path& wal);

}  // namespace tandem::storage
