// sqlite.hpp: SQLite's handles as values that close themselves, and its failures as error messages.
//
// A connection checkpoints on closing only if it was told that the file is ours and sound: a
// refused file stays unchanged, and a failed one is left to the next start.
//
// Owner: one thread at a time. Internal to this folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include "common/base/result.hpp"

namespace tandem::storage {

// A prepared statement. Bound strings are not copied: they must live until run() returns.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  void bind(int parameter, std::uint64_t number);
  void bind_text(int parameter, std::string_view text);
  void bind_blob(int parameter, std::string_view bytes);
  // Returns SQLITE_ROW, SQLITE_DONE, or an error, whose text the connection has.
  int step() { return sqlite3_step(statement_.get()); }
  // A statement without rows: one step, then ready for the next.
  int run();

  // Columns of the current row.
  std::uint64_t number(int column) const;
  std::string text(int column) const;  // or a blob's bytes

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Connection {
 public:
  // Opens `file`, which exists. Errors: `io`.
  static Result<Connection> open(const std::filesystem::path& file);

  // Runs statements whose rows, if any, are ignored. Errors: `io`.
  Result<> run(const char* sql);
  Result<Statement> prepare(const char* sql);
  // The first column of the first row, as text; empty when there is none. The statement is run to
  // its end, because SQLite commits only then.
  Result<std::string> ask(const char* sql);
  // Moves the whole write-ahead log into the database and syncs it. Afterwards the log is reused
  // from its front, or cut to zero bytes. Errors: `io`.
  enum class Then { reuse, cut };
  Result<> checkpoint(Then then);

  // The text of the last failure, from SQLite and the system; and the same as an Error that names
  // the file.
  std::string words() const;
  Error failure() const;
  // Its primary result code: SQLITE_BUSY, SQLITE_CORRUPT, ...
  int code() const { return sqlite3_errcode(handle_.get()) & 0xff; }
  // The errno of the last system call on the database or its write-ahead log that failed; 0: none.
  // SQLite's integrity checks report an unreadable page as damage, so this tells the two apart.
  int system_error() const;

  // From now on, closing checkpoints and removes the write-ahead log (yes), or leaves it (no).
  void checkpoint_on_close(bool yes);
  sqlite3* handle() { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close(handle); }
  };
  Connection(sqlite3* handle, std::filesystem::path file)
      : file_(std::move(file)), handle_(handle) {}

  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace tandem::storage
