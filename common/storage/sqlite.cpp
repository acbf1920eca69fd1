#include "common/storage/sqlite.hpp"

#include <cstring>

#include <fmt/format.h>

namespace tandem::storage {

void Statement::bind(int parameter, std::uint64_t number) {
  const int rc =
      sqlite3_bind_int64(statement_.get(), parameter, static_cast<sqlite3_int64>(number));
  TANDEM_ASSERT(rc == SQLITE_OK);
}

void Statement::bind_text(int parameter, std::string_view text) {
  const int rc = sqlite3_bind_text64(statement_.get(), parameter, text.empty() ? "" : text.data(),
                                     text.size(), SQLITE_STATIC, SQLITE_UTF8);
  TANDEM_ASSERT(rc == SQLITE_OK);
}

void Statement::bind_blob(int parameter, std::string_view bytes) {
  // A null pointer would bind NULL, but an empty blob is wanted.
  const int rc = sqlite3_bind_blob64(statement_.get(), parameter, bytes.empty() ? "" : bytes.data(),
                                     bytes.size(), SQLITE_STATIC);
  TANDEM_ASSERT(rc == SQLITE_OK);
}

int Statement::run() {
  const int rc = step();
  sqlite3_reset(statement_.get());  // returns the error that step() returned
  return rc;
}

std::uint64_t Statement::number(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), column));
}

std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

Result<Connection> Connection::open(const std::filesystem::path& file) {
  sqlite3* handle = nullptr;
  constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int rc = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
  TANDEM_ASSERT(handle != nullptr);  // null only when memory is exhausted
  Connection connection(handle, file);
  if (rc != SQLITE_OK) return connection.failure();
  connection.checkpoint_on_close(false);
  if (sqlite3_db_readonly(handle, "main") != 0) {
    return fail(ErrorCode::io, fmt::format("{} cannot be written by this user", file.string()));
  }
  return connection;
}

Result<> Connection::run(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure();
  return {};
}

Result<Statement> Connection::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
      SQLITE_OK) {
    return failure();
  }
  return Statement(statement);
}

Result<std::string> Connection::ask(const char* sql) {
  auto statement = prepare(sql);
  if (!statement) return statement.error();
  int rc = statement->step();
  std::string answer;
  if (rc == SQLITE_ROW) answer = statement->text(0);
  while (rc == SQLITE_ROW) rc = statement->step();
  if (rc != SQLITE_DONE) return failure();
  return answer;
}

Result<> Connection::checkpoint(Then then) {
  const int mode = then == Then::cut ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  const int rc = sqlite3_wal_checkpoint_v2(handle_.get(), "main", mode, nullptr, nullptr);
  if (rc != SQLITE_OK) return failure();
  return {};
}

std::string Connection::words() const {
  std::string words = sqlite3_errmsg(handle_.get());
  const int code = this->code();
  // SQLite reports many errors as "disk I/O error"; the system's error tells them apart.
  const int number = sqlite3_system_errno(handle_.get());
  if ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) && number != 0) {
    words += fmt::format(" ({})", std::strerror(number));
  }
  if (code == SQLITE_BUSY) words += ": another process uses it";
  return words;
}

int Connection::system_error() const {
  int error = 0;
  sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_LAST_ERRNO, &error);
  sqlite3_file* wal = nullptr;
  sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
  if (error != 0 || wal == nullptr || wal->pMethods == nullptr) return error;
  wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &error);
  return error;
}

Error Connection::failure() const {
  return fail(ErrorCode::io, fmt::format("{}: {}", file_.string(), words()));
}

void Connection::checkpoint_on_close(bool yes) {
  const int rc =
      sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, yes ? 0 : 1, nullptr);
  TANDEM_ASSERT(rc == SQLITE_OK);
}

}  // namespace tandem::storage
