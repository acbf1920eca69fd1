// database_file.hpp: cluster.db as a file: how it comes to be, and whether what lies there is ours,
// judged before SQLite may touch it.
//
// SQLite repairs what it opens: it rolls back a journal, it replays a write-ahead log onto whatever
// database has the right name. So a look at the bytes comes first.
//
// A new database appears under its name whole: it is made beside it, as cluster.db.new, synced and
// renamed. So a crash never leaves a cluster.db that is empty or half made, and an empty one is
// damage: it once held a vote. It is refused like any other, because whoever knows why it is empty
// can move it away, and nobody can take back a vote that was given twice. What a crash left of
// cluster.db.new is thrown away: nobody has been told the incarnation in it.
//
// Owner: one thread at a time; the caller has locked the directory. Internal to this folder, but
// for database_in() and set_aside().
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/result.hpp"
#include "common/core/ids.hpp"

namespace tandem::storage {

inline constexpr int kSchemaVersion = 1;

std::filesystem::path database_in(const std::filesystem::path& directory);
std::filesystem::path wal_of(const std::filesystem::path& database);

// `invalid`: the file, what is wrong with it ("is empty"), and what to do: to move it away, or
// `rather` ("run that version, or ").
Error refusal(const std::filesystem::path& database, std::string_view why,
              std::string_view rather = {});

// Makes the database, holding nothing but its incarnation. REQUIRES: nothing at `database`.
// Errors: `io`.
Result<> create_database(const std::filesystem::path& database, core::IncarnationId incarnation);

// Makes the names in it durable. Errors: `io`.
Result<> sync_directory(const std::filesystem::path& directory);

// Renames the database, so that the next start makes a new one: for one that is whole, and holds
// what this program cannot use. One that was set aside before is replaced. Returns the new name.
// REQUIRES: it was closed, and so has no write-ahead log. Errors: `io`.
Result<std::filesystem::path> set_aside(const std::filesystem::path& directory);

// The same for one that is damaged, with its write-ahead log.
// REQUIRES: it was closed. Errors: `io`.
Result<std::filesystem::path> set_aside_damaged(const std::filesystem::path& directory);

// What the system keeps in memory of the database and its write-ahead log is read from the disk
// again: after a failed sync it may be what the disk never got.
void distrust_page_cache(const std::filesystem::path& database);

// Whether `bytes` more fit beside the database, and are synced when asked for. Leaves nothing
// behind. Errors: `io`.
Result<> find_room(const std::filesystem::path& database, std::size_t bytes);

// Which file lies at `path`: equal for the same one. Empty when there is none; what the system
// cannot tell is neither there nor missing. Errors: `io`.
using FileIdentity = std::optional<std::pair<std::uint64_t, std::uint64_t>>;
Result<FileIdentity> identity_of(const std::filesystem::path& path);

enum class Found { nothing, ours };
// Whether a database lies there, and that it and the files beside it may be opened. Changes
// nothing. Errors: `invalid` when they may not, `io`.
Result<Found> look_at(const std::filesystem::path& database);

// The schema's text as SQLite keeps it: anything else is not ours.
std::string_view schema();

}  // namespace tandem::storage
