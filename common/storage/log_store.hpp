// log_store.hpp: what a voter must not forget, in one SQLite database: cluster.db in its data
// directory.
//
// It holds the directory's incarnation (R9), the hard state (R1), the newest snapshot, and the
// entries after it. SQLite in WAL mode with synchronous=FULL: a write that returned is on the disk.
// A database that is damaged, of a later schema, or not ours at all is refused with a sentence that
// says what to do, and left as it is. The folder's README says what cannot be noticed.
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
  // Checks the integrity of what is there (SQLite's quick_check, the order of the entries).
  // Errors: `invalid` for what must not be used, naming the file and what to do; `io` for what the
  // system refuses.
  static Result<LogStore> open(const std::filesystem::path& directory);

  // Opens the database again after it has refused a write, and tries whether it can be written now.
  // What it holds by then is not trusted: the next write must replace all of it, for the caller
  // remembers what was promised. So one that is damaged is set aside, and an empty one takes its
  // place; it counts as that of `incarnation` with that write. One that is gone is not made anew,
  // for it may come back, as the disk that it lies on may. Errors: `io`, `invalid`, `conflict`.
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
  // crash on the way all of them are there or none. Errors: `io` (disk full, a failing fsync), with
  // the file and SQLite's words, also when the file is not the one in the directory any more; the
  // store must not be used again, for nobody knows what is on the disk after a failed fsync.
  // REQUIRES: entries follow what the log holds.
  Result<> apply(std::span<const core::Write> writes);

 private:
  struct Database;
  explicit LogStore(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace tandem::storage
