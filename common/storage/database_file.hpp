// database_file.hpp: cluster.db as a file: how it is created, and whether the file that is there is
// ours, which is decided before SQLite may touch it.
//
// SQLite repairs what it opens: it rolls back a journal, and replays a write-ahead log onto
// whatever database has the right name. So the bytes are examined first.
//
// A new database is made as cluster.db.new, synced and renamed, so it appears under its name as a
// whole. A crash never leaves an empty or half-made cluster.db, so an empty one is damaged: it once
// held a vote. It is refused like other damage, because an operator who knows why it is empty can
// move it away, but nobody can take back a vote that was given twice. A cluster.db.new that a crash
// left is deleted: nobody has been told the incarnation in it.
//
// Owner: one thread at a time; the caller has locked the directory. Internal to this folder, except
// database_in() and set_aside().
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

// An `invalid` error that names the file, what is wrong with it ("is empty"), and what to do: move
// it away, or first try `rather` ("run that version, or ").
Error refusal(const std::filesystem::path& database, std::string_view why,
              std::string_view rather = {});

// Makes the database, which holds nothing but its incarnation. REQUIRES: nothing at `database`.
// Errors: `io`.
Result<> create_database(const std::filesystem::path& database, core::IncarnationId incarnation);

// Makes the file names in the directory durable. Errors: `io`.
Result<> sync_directory(const std::filesystem::path& directory);

// Renames the database, so that the next start makes a new one: for a sound database with content
// that this program cannot use. Replaces one that was set aside before. Returns the new name.
// REQUIRES: it was closed, and so has no write-ahead log. Errors: `io`.
Result<std::filesystem::path> set_aside(const std::filesystem::path& directory);

// The same for a damaged database, together with its write-ahead log. REQUIRES: it was closed.
// Errors: `io`.
Result<std::filesystem::path> set_aside_damaged(const std::filesystem::path& directory);

// Drops the system's cached pages of the database and its write-ahead log, so that they are read
// from the disk again: after a failed sync the cache may hold what never reached the disk.
void distrust_page_cache(const std::filesystem::path& database);

// Tests whether `bytes` more fit beside the database and can be synced. Leaves nothing behind.
// Errors: `io`.
Result<> find_room(const std::filesystem::path& database, std::size_t bytes);

// The identity of the file at `path`: equal for the same file. Empty when there is none; if the
// system cannot tell, that is an error. Errors: `io`.
using FileIdentity = std::optional<std::pair<std::uint64_t, std::uint64_t>>;
Result<FileIdentity> identity_of(const std::filesystem::path& path);

enum class Found { nothing, ours };
// Finds out whether a database is there, and checks that it and the files beside it may be opened.
// Changes nothing. Errors: `invalid` when they may not, `io`.
Result<Found> look_at(const std::filesystem::path& database);

// The schema's text as SQLite stores it: a database with another one is not ours.
std::string_view schema();

}  // namespace tandem::storage
