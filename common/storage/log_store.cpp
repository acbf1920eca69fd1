#include "common/storage/log_store.hpp"

#include <cstring>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "common/storage/database_file.hpp"
#include "common/storage/limits.hpp"
#include "common/storage/rows.hpp"
#include "common/storage/sqlite.hpp"
#include "common/storage/wal_check.hpp"

namespace tandem::storage {

namespace fs = std::filesystem;

struct LogStore::Database {
  Database(fs::path path, Connection opened)
      : file(std::move(path)), connection(std::move(opened)) {}

  fs::path file;
  FileIdentity file_identity, wal_identity;
  Connection connection;  // outlives the statements
  Statement put_meta, put_snapshot, put_entry, drop_up_to, drop_from, drop_all;
  core::IncarnationId incarnation;
  std::optional<core::Stored> stored;
  LogIndex last;                // the index of the newest entry, or of the snapshot
  std::uint64_t wal_pages = 0;  // after the last commit
  bool failed = false;

  // Opens a file that look_at() has accepted. Errors: `invalid` with what is wrong ("is damaged"),
  // `io`.
  static Result<std::unique_ptr<Database>> open(const fs::path& file);
  Result<> prepare();
  Result<> apply(const core::Write& write);
  Result<> done(int rc) const;
  Result<> commit(std::span<const core::Write> writes);
  Result<> commit_or_fail(std::span<const core::Write> writes);
  Result<> write_the_same();
  Result<> try_to_write();
  Result<> check_identity();
};

namespace {

// A disk that was full must have this much room before it is written again: the first write is all
// of the node's state, and a disk that is full again a moment later would cost the cluster another
// hand-over.
constexpr std::size_t kRoomBytes = 1024 * 1024;

core::IncarnationId draw_incarnation() {
  std::random_device device;
  const std::uint64_t bits = (std::uint64_t{device()} << 32 | device()) >> 11;
  return core::IncarnationId(bits == 0 ? 1 : bits);
}

// `invalid` when SQLite or a row reports damage and the system reported no error; otherwise the
// system's error.
Error judge(const Connection& connection, const fs::path& file, const Error& error) {
  if (const int refused = connection.system_error(); refused != 0) {
    return fail(ErrorCode::io, fmt::format("{} or its write-ahead log cannot be read: {}",
                                           file.string(), std::strerror(refused)));
  }
  if (error.code == ErrorCode::invalid) {
    return invalid(fmt::format("is damaged ({})", error.message));
  }
  switch (connection.code()) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR: return invalid(fmt::format("is damaged ({})", connection.words()));
    default: return error;
  }
}

// SQLite's check of the pages' structure, and whether the tables are ours.
Result<> check_pages(Connection& connection) {
  auto tables = connection.ask("SELECT group_concat(sql || ';', '') FROM sqlite_schema");
  if (!tables) return tables.error();
  if (*tables != schema()) return invalid("its tables are not ours");
  auto verdict = connection.ask("PRAGMA quick_check(1)");
  if (!verdict) return verdict.error();
  // The text is "*** in database main ***", a line feed, and what is wrong.
  if (*verdict != "ok") return invalid(verdict->substr(verdict->find('\n') + 1));
  return {};
}

Result<Meta> read(Connection& connection, core::Stored& stored) {
  auto meta = read_meta(connection);
  if (!meta) return meta;
  auto snapshot = read_snapshot(connection);
  if (!snapshot) return snapshot.error();
  auto entries = read_entries(connection, snapshot->get(), meta->hard_state.term);
  if (!entries) return entries.error();
  stored = {meta->hard_state, std::move(*snapshot), std::move(*entries)};
  return meta;
}

// One process owns the directory, so the index of the write-ahead log stays in memory. Nothing is
// written before everything has been read and found sound.
constexpr const char* kOpening =
    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0;"
    "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";

// Deleted entries are no secrets: they need not be overwritten.
Result<> begin_writing(Connection& connection) {
  const auto settings = fmt::format(
      "PRAGMA query_only = OFF; PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF;"
      "PRAGMA journal_size_limit = {};",
      limits::wal_bytes_max);
  if (auto set = connection.run(settings.c_str()); !set) return set;
  // Frames of a commit that a crash cut short must not lie behind the next commits: some of them
  // may be complete, and wal_check would take these for commits after a damaged one.
  return connection.checkpoint(Connection::Then::cut);
}

}  // namespace

Result<LogStore> LogStore::open(const fs::path& directory) {
  const auto file = database_in(directory);
  const auto wal = wal_of(file);
  auto found = look_at(file);
  if (!found) return found.error();
  if (*found == Found::nothing) {
    if (auto made = create_database(file, draw_incarnation()); !made) return made.error();
  }
  const auto had_wal = identity_of(wal);
  if (!had_wal) return had_wal.error();
  auto whole = check_wal(wal);
  auto database = whole ? Database::open(file) : Result<std::unique_ptr<Database>>(whole.error());
  if (database) {
    // From now on the name of the write-ahead log is durable.
    if (auto synced = sync_directory(directory); !synced) return synced.error();
    return LogStore(std::move(*database));
  }
  // SQLite makes an empty file as soon as it reads.
  std::error_code ignored;
  if (!*had_wal && fs::file_size(wal, ignored) == 0) fs::remove(wal, ignored);
  const auto& error = database.error();
  return error.code == ErrorCode::invalid ? refusal(file, error.message) : error;
}

Result<std::unique_ptr<LogStore::Database>> LogStore::Database::open(const fs::path& file) {
  auto connection = Connection::open(file);
  if (!connection) return connection.error();
  auto database = std::make_unique<Database>(file, std::move(*connection));
  auto& opened = database->connection;
  auto checked = opened.run(kOpening);
  if (checked) checked = check_pages(opened);
  if (!checked) return judge(opened, file, checked.error());
  core::Stored stored;
  auto meta = read(opened, stored);
  if (!meta) return judge(opened, file, meta.error());
  if (auto ready = begin_writing(opened); !ready) return ready.error();
  if (auto ready = database->prepare(); !ready) return ready.error();
  auto identity = identity_of(file);
  if (!identity) return identity.error();
  database->file_identity = *identity;
  opened.checkpoint_on_close(true);
  database->incarnation = meta->incarnation;
  if (stored.snapshot != nullptr) database->last = stored.snapshot->index;
  if (!stored.entries.empty()) database->last = stored.entries.back().index;
  database->stored = std::move(stored);
  return database;
}

Result<LogStore> LogStore::reopen(const fs::path& directory, core::IncarnationId incarnation) {
  const auto file = database_in(directory);
  const auto there = identity_of(file);
  if (!there) return there.error();
  if (!*there) {
    return fail(ErrorCode::io,
                fmt::format("{} is gone: put it back, or restart this program, and the node joins "
                            "as a new member",
                            file.string()));
  }
  if (auto room = find_room(file, kRoomBytes); !room) return room.error();
  distrust_page_cache(file);
  auto store = open(directory);
  if (!store && store.error().code == ErrorCode::invalid) {
    if (auto aside = set_aside_damaged(directory); !aside) return aside.error();
    store = open(directory);
  }
  if (!store) return store;
  auto& database = *store->database_;
  const auto& stored = *database.stored;
  const bool is_empty = stored.hard_state.cluster.value() == 0 && stored.snapshot == nullptr &&
                        stored.entries.empty();
  if (database.incarnation != incarnation && !is_empty) {
    return fail(ErrorCode::conflict,
                fmt::format("{} belongs to another member: put back the one that was there",
                            file.string()));
  }
  database.incarnation = incarnation;
  if (auto written = database.try_to_write(); !written) return written.error();
  return store;
}

LogStore::LogStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}
LogStore::LogStore(LogStore&& other) noexcept = default;
LogStore& LogStore::operator=(LogStore&& other) noexcept = default;
LogStore::~LogStore() = default;

core::IncarnationId LogStore::incarnation() const { return database_->incarnation; }

fs::path LogStore::directory() const { return database_->file.parent_path(); }

core::Stored LogStore::take_stored() {
  TANDEM_ASSERT(database_->stored.has_value());
  auto stored = std::move(*database_->stored);
  database_->stored.reset();
  return stored;
}

Result<> LogStore::apply(std::span<const core::Write> writes) {
  auto& database = *database_;
  TANDEM_ASSERT(!database.failed);
  return writes.empty() ? Result<>() : database.commit_or_fail(writes);
}

Result<> LogStore::prove_writable() {
  TANDEM_ASSERT(!database_->failed);
  return database_->commit_or_fail({});
}

Result<> LogStore::Database::commit_or_fail(std::span<const core::Write> writes) {
  auto done = commit(writes);
  if (!done) {
    // It is not known what the disk holds: the next start reads it.
    failed = true;
    connection.checkpoint_on_close(false);
  }
  return done;
}

Result<> LogStore::Database::prepare() {
  const std::pair<Statement*, const char*> statements[] = {
      {&put_meta, kPutMeta},
      {&put_snapshot, kPutSnapshot},
      {&put_entry, kPutEntry},
      {&drop_up_to, "DELETE FROM entry WHERE log_index <= ?1"},
      {&drop_from, "DELETE FROM entry WHERE log_index >= ?1"},
      {&drop_all, "DELETE FROM entry"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = connection.prepare(sql);
    if (!prepared) return prepared.error();
    *statement = std::move(*prepared);
  }
  sqlite3_wal_hook(
      connection.handle(),
      [](void* pages, sqlite3*, const char*, int count) {
        *static_cast<std::uint64_t*>(pages) = static_cast<std::uint64_t>(count);
        return SQLITE_OK;
      },
      &wal_pages);
  return {};
}

Result<> LogStore::Database::done(int rc) const {
  if (rc != SQLITE_DONE) return connection.failure();
  return {};
}

Result<> LogStore::Database::commit(std::span<const core::Write> writes) {
  if (auto begun = connection.run("BEGIN IMMEDIATE"); !begun) return begun;
  if (writes.empty()) {
    if (auto written = write_the_same(); !written) return written;
  }
  for (const auto& write : writes) {
    if (auto applied = apply(write); !applied) return applied;
  }
  if (auto committed = connection.run("COMMIT"); !committed) return committed;
  if (auto same = check_identity(); !same) return same;
  // SQLite's automatic checkpoint is not used: it retries a failed fsync of the database, and the
  // second time the system reports success although the data is lost.
  if (wal_pages * wal_page_bytes < limits::wal_bytes_max) return {};
  return connection.checkpoint(Connection::Then::reuse);
}

// A commit of it changes nothing, but is written to the disk and synced.
Result<> LogStore::Database::write_the_same() { return connection.run("UPDATE meta SET id = id"); }

Result<> LogStore::Database::try_to_write() {
  if (auto begun = connection.run("BEGIN IMMEDIATE"); !begun) return begun;
  if (auto written = write_the_same(); !written) return written;
  if (auto committed = connection.run("COMMIT"); !committed) return committed;
  return connection.checkpoint(Connection::Then::cut);
}

// Writes to files that have been removed or renamed succeed, but the next start would not find
// them.
Result<> LogStore::Database::check_identity() {
  const auto file_now = identity_of(file);
  if (!file_now) return file_now.error();
  const auto wal_now = identity_of(wal_of(file));
  if (!wal_now) return wal_now.error();
  if (!wal_identity) wal_identity = *wal_now;
  const bool are_there = file_identity && wal_identity;
  if (are_there && *file_now == file_identity && *wal_now == wal_identity) return {};
  return fail(ErrorCode::io,
              fmt::format("{} or its write-ahead log was moved or removed while it was in use",
                          file.string()));
}

Result<> LogStore::Database::apply(const core::Write& write) {
  if (write.hard_state) {
    if (auto put = done(storage::put_meta(put_meta, incarnation, *write.hard_state)); !put) {
      return put;
    }
  }
  if (write.snapshot != nullptr) {
    if (auto put = done(storage::put_snapshot(put_snapshot, *write.snapshot)); !put) return put;
    auto& drop = write.discard_log ? drop_all : drop_up_to;
    if (!write.discard_log) drop.bind(1, write.snapshot->index.value());
    if (auto dropped = done(drop.run()); !dropped) return dropped;
    if (write.discard_log || last < write.snapshot->index) last = write.snapshot->index;
  }
  if (write.truncate_from && *write.truncate_from <= last) {
    TANDEM_ASSERT(write.truncate_from->value() > 0);
    drop_from.bind(1, write.truncate_from->value());
    if (auto dropped = done(drop_from.run()); !dropped) return dropped;
    last = LogIndex(write.truncate_from->value() - 1);
  }
  for (const auto& entry : write.append) {
    TANDEM_ASSERT(entry.index == last.next());
    if (auto put = done(storage::put_entry(put_entry, entry)); !put) return put;
    last = entry.index;
  }
  return {};
}

}  // namespace tandem::storage
