// wal_check.hpp: whether the write-ahead log beside a database holds all that was synced into it.
//
// SQLite reads the log up to the first frame whose checksum fails and takes the rest for a write
// that a crash cut short. That is right at the end of the log only: a commit is synced before the
// next one is written, so a bad frame with a later commit behind it is damage, and what SQLite
// would drop in silence was promised to others (R1, R2).
//
// So a log holds what was cut short once at most: LogStore empties it before it writes again.
//
// What it cannot see: damage to the very last commit, and a log that was cut off or removed; they
// look like a crash a moment earlier.
//
// The format: https://sqlite.org/fileformat2.html#the_write_ahead_log. Internal to this folder.
#pragma once

#include <filesystem>

#include "common/base/result.hpp"

namespace tandem::storage {

// Reads the file, if there is one, and changes nothing. Errors: `invalid` with what is wrong
// ("bears a damaged write-ahead log (frame 3)"), `io`.
Result<> check_wal(const std::filesystem::path& wal);

}  // namespace tandem::storage
