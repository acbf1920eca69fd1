#include "common/storage/database_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "common/storage/rows.hpp"
#include "common/storage/sqlite.hpp"

namespace tandem::storage {

namespace {

namespace fs = std::filesystem;

constexpr int kApplicationId = 0x54644c67;  // "TdLg"

constexpr std::string_view kSchema =
    "CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), incarnation INTEGER NOT NULL,"
    " cluster INTEGER NOT NULL, term INTEGER NOT NULL, vote_node TEXT NOT NULL,"
    " vote_incarnation INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;"
    "CREATE TABLE entry (log_index INTEGER PRIMARY KEY, term INTEGER NOT NULL,"
    " body TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;"
    "CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 1), log_index INTEGER NOT NULL,"
    " term INTEGER NOT NULL, configuration TEXT NOT NULL, bytes BLOB NOT NULL,"
    " checksum INTEGER NOT NULL) STRICT;";

// The first 100 bytes of a database (https://sqlite.org/fileformat2.html#the_database_header).
// What is checked here is written once, when the database is made, and is the same in the file and
// in every later page 1 of the write-ahead log.
using Header = std::array<unsigned char, 100>;
constexpr char kDatabaseMagic[] = "SQLite format 3";  // with its NUL
// From offset 16: pages of 4096 bytes, write-ahead log (2, 2), nothing reserved, fixed fractions.
constexpr std::array<unsigned char, 8> kFormat = {0x10, 0x00, 2, 2, 0, 64, 32, 32};

std::uint32_t big_endian(const Header& header, std::size_t at) {
  return std::uint32_t{header[at]} << 24 | std::uint32_t{header[at + 1]} << 16 |
         std::uint32_t{header[at + 2]} << 8 | std::uint32_t{header[at + 3]};
}

Error system_failure(const fs::path& path, int number) {
  return fail(ErrorCode::io, fmt::format("{}: {}", path.string(), std::strerror(number)));
}

Result<> sync(const fs::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return system_failure(path, errno);
  const int number = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (number != 0) return system_failure(path, number);
  return {};
}

// SQLite takes an empty file for a new database, and gives the files that it makes beside the
// database the same mode.
Result<> make_empty(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return system_failure(file, errno);
  ::close(fd);
  return {};
}

Result<> fill(const fs::path& file, core::IncarnationId incarnation) {
  auto connection = Connection::open(file);
  if (!connection) return connection.error();
  const auto settings = fmt::format(
      "PRAGMA page_size = 4096; PRAGMA encoding = 'UTF-8'; PRAGMA synchronous = FULL;"
      "PRAGMA application_id = {}; PRAGMA user_version = {}; BEGIN; {}",
      kApplicationId, kSchemaVersion, kSchema);
  if (auto done = connection->run(settings.c_str()); !done) return done;
  {
    auto statement = connection->prepare(kPutMeta);
    if (!statement) return statement.error();
    if (put_meta(*statement, incarnation, {}) != SQLITE_DONE) return connection->failure();
  }
  if (auto done = connection->run("COMMIT"); !done) return done;
  connection->checkpoint_on_close(true);
  auto mode = connection->ask("PRAGMA journal_mode = WAL");
  if (!mode) return mode.error();
  TANDEM_ASSERT(*mode == "wal");
  return {};
}

Result<> check_header(const fs::path& database) {
  std::ifstream file(database, std::ios::binary);
  if (!file) return system_failure(database, errno);
  Header header{};
  file.read(reinterpret_cast<char*>(header.data()), header.size());
  if (file.bad()) return system_failure(database, errno);
  if (file.gcount() == 0) return refusal(database, "is empty");
  if (file.gcount() < static_cast<std::streamsize>(header.size()) ||
      std::memcmp(header.data(), kDatabaseMagic, sizeof kDatabaseMagic) != 0) {
    return refusal(database, "is not a database");
  }
  if (big_endian(header, 68) != kApplicationId) {
    return refusal(database, "is not a cluster log of Tandem's");
  }
  if (const auto version = big_endian(header, 60); version > kSchemaVersion) {
    return refusal(database,
                   fmt::format("was written by a later version of Tandem (schema {}, this one"
                               " knows {})",
                               version, kSchemaVersion),
                   "run that version, or ");
  }
  if (big_endian(header, 60) != kSchemaVersion ||
      std::memcmp(header.data() + 16, kFormat.data(), kFormat.size()) != 0) {
    return refusal(database, "is damaged (its header)");
  }
  return {};
}

// For a message only; decisions use identity_of().
bool seems_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

}  // namespace

fs::path database_in(const fs::path& directory) { return directory / "cluster.db"; }

fs::path wal_of(const fs::path& database) { return database.string() + "-wal"; }

std::string_view schema() { return kSchema; }

Error refusal(const fs::path& database, std::string_view why, std::string_view rather) {
  const auto wal = wal_of(database);
  return invalid(fmt::format("{} {}; {}move it away{}, and the node joins as a new member",
                             database.string(), why, rather,
                             seems_there(wal) ? fmt::format(" with {}", wal.string()) : ""));
}

Result<> create_database(const fs::path& database, core::IncarnationId incarnation) {
  const fs::path fresh = database.string() + ".new";
  for (const char* beside : {"", "-journal", "-wal"}) {
    std::error_code error;
    fs::remove(fresh.string() + beside, error);
    if (error) return system_failure(fresh, error.value());
  }
  if (auto done = make_empty(fresh); !done) return done;
  if (auto done = fill(fresh, incarnation); !done) return done;
  if (auto done = sync(fresh, O_RDONLY); !done) return done;
  if (::rename(fresh.c_str(), database.c_str()) != 0) return system_failure(database, errno);
  return sync_directory(database.parent_path());
}

Result<fs::path> set_aside(const fs::path& directory) {
  const auto database = database_in(directory);
  const auto wal = identity_of(wal_of(database));
  if (!wal) return wal.error();
  if (*wal) return system_failure(wal_of(database), EBUSY);
  const fs::path aside = database.string() + ".set-aside";
  if (::rename(database.c_str(), aside.c_str()) != 0) return system_failure(database, errno);
  if (auto synced = sync_directory(directory); !synced) return synced.error();
  return aside;
}

// The database is moved first: a log without a database is refused at the next start, but a
// database without its log would be taken for one that never had the log's content.
Result<fs::path> set_aside_damaged(const fs::path& directory) {
  const auto database = database_in(directory);
  const fs::path aside = database.string() + ".set-aside";
  if (::rename(database.c_str(), aside.c_str()) != 0) return system_failure(database, errno);
  const auto wal = wal_of(database);
  if (::rename(wal.c_str(), wal_of(aside).c_str()) != 0 && errno != ENOENT) {
    return system_failure(wal, errno);
  }
  if (auto synced = sync_directory(directory); !synced) return synced.error();
  return aside;
}

void distrust_page_cache(const fs::path& database) {
  for (const auto& path : {database, wal_of(database)}) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::close(fd);
  }
}

Result<> find_room(const fs::path& database, std::size_t bytes) {
  const fs::path room = database.string() + ".room";
  const int fd = ::open(room.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return system_failure(room, errno);
  const std::string zeros(64 * 1024, '\0');
  int number = 0;
  while (bytes > 0 && number == 0) {
    const auto written = ::write(fd, zeros.data(), std::min(bytes, zeros.size()));
    if (written < 0) number = errno;
    if (written > 0) bytes -= static_cast<std::size_t>(written);
  }
  if (number == 0 && ::fsync(fd) != 0) number = errno;
  ::close(fd);
  ::unlink(room.c_str());
  if (number != 0) return system_failure(database, number);
  return {};
}

Result<FileIdentity> identity_of(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    return FileIdentity(std::pair(std::uint64_t{status.st_dev}, std::uint64_t{status.st_ino}));
  }
  if (errno == ENOENT || errno == ENOTDIR) return FileIdentity();
  return system_failure(path, errno);
}

Result<> sync_directory(const fs::path& directory) {
  return sync(directory, O_RDONLY | O_DIRECTORY);
}

Result<Found> look_at(const fs::path& database) {
  // SQLite would apply either of them to whatever database is there. We never make a rollback
  // journal under this name, and a write-ahead log belongs to the database beside which it was
  // written.
  const fs::path journal = database.string() + "-journal";
  const auto has_journal = identity_of(journal);
  if (!has_journal) return has_journal.error();
  if (*has_journal) {
    return invalid(fmt::format("{} is not Tandem's: move it away", journal.string()));
  }
  const auto there = identity_of(database);
  if (!there) return there.error();
  if (!*there) {
    const auto wal = wal_of(database);
    const auto has_wal = identity_of(wal);
    if (!has_wal) return has_wal.error();
    if (!*has_wal) return Found::nothing;
    return invalid(
        fmt::format("{} lacks the database that it belongs to; put {} back, or move it"
                    " away too, and the node joins as a new member",
                    wal.string(), database.filename().string()));
  }
  std::error_code error;
  const auto type = fs::symlink_status(database, error).type();
  if (error) return system_failure(database, error.value());
  if (type != fs::file_type::regular) return refusal(database, "is not a file");
  if (auto fine = check_header(database); !fine) return fine.error();
  return Found::ours;
}

}  // namespace tandem::storage
