// A database that is not what we wrote is refused, and stays as it is.
#include <sqlite3.h>

#include <catch2/catch.hpp>

#include "tests/unit/master/temporary_directory.hpp"
#include "tests/unit/storage/stored.hpp"

namespace tandem::storage::damage_test {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

constexpr std::size_t kFrameBytes = 24 + 4096;

// A database that has lived for a while, as it lies while it is open and after it was closed.
struct Lived {
  Files open, closed;
  core::Stored stored, before_last;
};

Lived lived() {
  const TemporaryDirectory directory;
  Lived lived;
  History history(3, History::Terms::rise_at_times);
  auto store = open_store(directory.path());
  for (int i = 0; i < 60; ++i) {
    const auto write = history.next();
    REQUIRE(store.apply({&write, 1}));
  }
  // The last commit takes several pages.
  lived.before_last = lived.stored = history.stored();
  const auto& edge = lived.stored.snapshot;
  std::uint64_t last = (edge == nullptr ? 0 : edge->index.value()) + lived.stored.entries.size();
  std::vector<core::Entry> entries;
  for (int i = 0; i < 20; ++i) {
    const auto term = history.stored().hard_state.term.value();
    entries.push_back(command(++last, term, std::string(700, 'z')));
    lived.stored.entries.push_back(entries.back());
  }
  const auto write = append(entries);
  REQUIRE(store.apply({&write, 1}));
  lived.open = files_in(directory.path());
  REQUIRE(lived.open.size() == 2);
  { const LogStore closing = std::move(store); }
  lived.closed = files_in(directory.path());
  REQUIRE(lived.closed.size() == 1);
  return lived;
}

// The sentence with which these files are refused; empty when they are not.
std::string refusal_of(const Files& files, const core::Stored& stored) {
  const TemporaryDirectory directory;
  put_files(directory.path(), files);
  auto store = LogStore::open(directory.path());
  if (store) {
    CHECK(same(store->take_stored(), stored));
    return {};
  }
  INFO(store.error().message);
  CHECK(store.error().code == ErrorCode::invalid);
  CHECK_THAT(store.error().message, Contains((directory.path() / "cluster.db").string()));
  CHECK_THAT(store.error().message, Contains("move it away"));
  CHECK(files_in(directory.path()) == files);
  return store.error().message;
}

Files with(Files files, std::string bytes) {
  files["cluster.db"] = std::move(bytes);
  return files;
}

TEST_CASE("what is no database is refused") {
  const auto good = lived();
  for (const auto& files : {good.closed, good.open}) {
    const auto& bytes = files.at("cluster.db");
    CHECK_THAT(refusal_of(with(files, ""), {}), Contains("is empty"));
    CHECK_THAT(refusal_of(with(files, "a diary\n"), {}), Contains("is not a database"));
    CHECK_THAT(refusal_of(with(files, std::string(bytes.size(), '\0')), {}),
               Contains("is not a database"));
    CHECK_THAT(refusal_of(with(files, bytes.substr(0, 50)), {}), Contains("is not a database"));
  }
  const auto& bytes = good.closed.at("cluster.db");
  for (std::size_t cut = 100; cut < bytes.size(); cut += 1000) {
    CHECK_THAT(refusal_of(with(good.closed, bytes.substr(0, cut)), {}), Contains("is damaged"));
  }
}

TEST_CASE("a later version's database is refused, and that version named as a way out") {
  const auto good = lived();
  auto bytes = good.closed.at("cluster.db");
  bytes[63] = 2;  // user_version
  CHECK_THAT(
      refusal_of(with(good.closed, bytes), {}),
      Contains("later version of Tandem (schema 2, this one knows 1); run that version, or"));
}

TEST_CASE("another program's database is refused, and its write-ahead log is left to it") {
  const TemporaryDirectory directory;
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open((directory.path() / "cluster.db").c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "PRAGMA journal_mode = WAL; CREATE TABLE diary (day, text);", nullptr,
                       nullptr, nullptr) == SQLITE_OK);
  auto files = files_in(directory.path());
  sqlite3_close(other);
  files.erase("cluster.db-shm");
  REQUIRE(!files.at("cluster.db-wal").empty());
  CHECK_THAT(refusal_of(files, {}), Contains("is not a cluster log of Tandem's"));
}

TEST_CASE("a flipped bit is refused, or lies where nothing is stored") {
  const auto good = lived();
  const auto& bytes = good.closed.at("cluster.db");
  SplitMix64 random(11);
  int refused = 0;
  for (std::size_t i = 0; i < 700; ++i) {
    const auto at = i < 100 ? i : random.below(bytes.size());  // all of the header
    auto flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << random.below(8)));
    INFO("at byte " << at);
    if (!refusal_of(with(good.closed, flipped), good.stored).empty()) ++refused;
  }
  CHECK(refused > 100);
}

TEST_CASE("a damaged database keeps the write-ahead log that lies beside it") {
  const auto good = lived();
  const TemporaryDirectory directory;
  put_files(directory.path(), good.closed);
  auto store = open_store(directory.path());
  auto stored = store.take_stored();
  core::Write write;
  write.hard_state = stored.hard_state;
  write.hard_state->term = write.hard_state->term.next();
  REQUIRE(store.apply({&write, 1}));
  stored.hard_state = *write.hard_state;
  const auto files = files_in(directory.path());
  REQUIRE(!files.at("cluster.db-wal").empty());
  CHECK(refusal_of(files, stored).empty());
  int refused = 0;
  const auto& bytes = files.at("cluster.db");
  for (std::size_t at = 4096; at < bytes.size(); at += 4096) {
    INFO("at byte " << at);
    if (!refusal_of(with(files, std::string(bytes).replace(at, 4096, 4096, 'z')), stored).empty())
      ++refused;
  }
  CHECK(refused > 0);
}

TEST_CASE("a page of zeros, or another's, is refused, or lies where nothing is stored") {
  const auto good = lived();
  const auto& bytes = good.closed.at("cluster.db");
  for (std::size_t at = 4096; at < bytes.size(); at += 4096) {
    INFO("at byte " << at);
    refusal_of(with(good.closed, std::string(bytes).replace(at, 4096, 4096, '\0')), good.stored);
    refusal_of(with(good.closed, std::string(bytes).replace(at, 4096, bytes, at - 4096, 4096)),
               good.stored);
  }
}

TEST_CASE("a write-ahead log is read after a crash, without what the crash cut short") {
  const auto good = lived();
  CHECK(refusal_of(good.open, good.stored).empty());
  auto torn = good.open;
  torn["cluster.db-wal"].append(2000, 'x');
  CHECK(refusal_of(torn, good.stored).empty());
}

TEST_CASE("a commit that a crash cut short in its middle is not there, and is cut off for good") {
  const auto good = lived();
  auto files = good.open;
  auto& wal = files["cluster.db-wal"];
  // The first frame of the last commit did not reach the disk, the others did.
  std::size_t at = wal.size() - kFrameBytes;
  while (wal.substr(at - kFrameBytes + 4, 4) == std::string(4, '\0')) at -= kFrameBytes;
  REQUIRE(at < wal.size() - kFrameBytes);
  wal.replace(at, kFrameBytes, kFrameBytes, '\0');
  const TemporaryDirectory directory;
  put_files(directory.path(), files);
  auto store = open_store(directory.path());
  CHECK(same(store.take_stored(), good.before_last));
  CHECK(files_in(directory.path())["cluster.db-wal"].empty());
}

TEST_CASE("a write-ahead log that is damaged before its last commits is refused") {
  const auto good = lived();
  const auto& wal = good.open.at("cluster.db-wal");
  // The last two commits are left alone: a crash can leave such damage too.
  std::size_t end = wal.size(), commits = 0;
  while (commits < 3) {
    end -= kFrameBytes;
    if (wal.substr(end + 4, 4) != std::string(4, '\0')) ++commits;
  }
  SplitMix64 random(12);
  for (std::size_t i = 0; i < 400; ++i) {
    const auto at = i < 60 ? i : random.below(end);
    auto files = good.open;
    auto& flipped = files["cluster.db-wal"];
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << random.below(8)));
    INFO("at byte " << at << " of the write-ahead log");
    CHECK_THAT(refusal_of(files, good.stored), Contains("damaged write-ahead log"));
  }
}

TEST_CASE("a write-ahead log without its database, or a journal beside it, is refused") {
  const auto good = lived();
  auto files = good.open;
  files.erase("cluster.db");
  CHECK_THAT(refusal_of(files, {}), Contains("lacks the database"));
  files = good.closed;
  files["cluster.db-journal"] = "not ours";
  CHECK_THAT(refusal_of(files, {}), Contains("is not Tandem's"));
}

TEST_CASE("a directory or a link in the database's place is refused") {
  const TemporaryDirectory directory, elsewhere;
  fs::create_directory(directory.path() / "cluster.db");
  CHECK_THAT(LogStore::open(directory.path()).error().message, Contains("is not a file"));
  fs::remove(directory.path() / "cluster.db");
  fs::create_symlink(elsewhere.path() / "cluster.db", directory.path() / "cluster.db");
  CHECK_THAT(LogStore::open(directory.path()).error().message, Contains("is not a file"));
  CHECK(files_in(elsewhere.path()).empty());
}

}  // namespace
}  // namespace tandem::storage::damage_test
