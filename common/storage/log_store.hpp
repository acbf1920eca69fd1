// log_store.hpp: the durable state of a voter in one SQLite database, cluster.db in its data
// directory.
//
// It holds the directory's incarnation (R9), the hard state (R1), the newest snapshot, and the
// entries after it. SQLite is in WAL mode with synchronous=FULL: a write that has returned is on
// the disk. A database that is damaged, has a later schema, or is not ours is refused with a
// message that says what to do, and is left unchanged. The folder's README lists damage that cannot
// be detected.
//
// The caller has locked the directory. Owner: one thread at a time. Blocks for the disk.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "common/base/result.hpp"
#include "common/core/outputs.hpp"

namespace tandem::storage {

class LogStore {
 public:
  // Opens or makes the database in `directory`, which exists; a new one draws its incarnation.
  // Checks the integrity of an existing one (SQLite's quick_check, the order of the entries).
  // Errors: `invalid` for a database that must not be used, naming the file and what to do; `io`
  // when the system refuses something.
  static Result<LogStore> open(const std::filesystem::path& directory);

  // Opens the database again after it has refused a write, and tests whether it can be written now.
  // Its content is not trusted any more: the next write must replace all of it, since the caller
  // remembers what was promised. So a damaged database is set aside and replaced by an empty one,
  // which belongs to `incarnation` from that write on. A missing database is not made anew, because
  // it may come back, for instance with its disk. Errors: `io`, `invalid`, `conflict`.
  static Result<LogStore> reopen(const std::filesystem::path& directory,
                                 core::IncarnationId incarnation);

  LogStore(LogStore&& other) noexcept;
  LogStore& operator=(LogStore&& other) noexcept;
  ~LogStore();

  core::IncarnationId incarnation() const;
  std::filesystem::path directory() const;
  // What the database held when it was opened. REQUIRES: has not been called before.
  core::Stored take_stored();

  // Applies the writes in order, in one transaction: all are on the disk when this returns. After a
  // crash meanwhile, either all of them are there or none. Errors: `io` (disk full, a failed
  // fsync), with the file and SQLite's message, also when the file in the directory is no longer
  // this one. After an error the store must not be used again, because it is unknown what is on the
  // disk after a failed fsync. REQUIRES: the entries continue the log.
  Result<> apply(std::span<const core::Write> writes);
  // A commit that changes nothing, but is written and synced: whether there could be another.
  // Errors: as apply().
  Result<> prove_writable();

 private:
  struct Database;
  explicit LogStore(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace tandem::storage
