#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/core/limits.hpp"
#include "common/storage/limits.hpp"
#include "tests/unit/master/temporary_directory.hpp"
#include "tests/unit/storage/stored.hpp"

namespace tandem::storage::log_store_test {
namespace {

namespace fs = std::filesystem;

Result<> apply(LogStore& store, core::Write write) { return store.apply({&write, 1}); }

TEST_CASE("a new directory gets an incarnation, and keeps it") {
  const TemporaryDirectory a, b;
  auto store = open_store(a.path());
  const auto drawn = store.incarnation();
  CHECK(drawn.value() > 0);
  CHECK(drawn.value() < std::uint64_t{1} << 53);
  CHECK(same(store.take_stored(), core::Stored{}));
  store = open_store(b.path());
  CHECK(store.incarnation() != drawn);
  CHECK(open_store(a.path()).incarnation() == drawn);
}

TEST_CASE("the database and what lies beside it are for their owner alone") {
  const TemporaryDirectory directory;
  auto store = open_store(directory.path());
  REQUIRE(apply(store, first(Term(1), nullptr, {command(1, 1, "x")})).ok());
  for (const auto* name : {"cluster.db", "cluster.db-wal"}) {
    INFO(name);
    const auto mode = fs::status(directory.path() / name).permissions();
    CHECK((mode & fs::perms::all) == (fs::perms::owner_read | fs::perms::owner_write));
  }
}

TEST_CASE("a database that a crash left half made is made anew") {
  const TemporaryDirectory directory;
  put_files(directory.path(), {{"cluster.db.new", "half"}, {"cluster.db.new-journal", "half"}});
  CHECK(same(reopen(directory.path()), core::Stored{}));
  CHECK(files_in(directory.path()).size() == 1);
}

TEST_CASE("what is written is what is read, as on the simulated disk") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const TemporaryDirectory directory;
    History history(seed, History::Terms::rise_at_times);
    SplitMix64 random(seed);
    for (int opening = 0; opening < 8; ++opening) {
      auto store = open_store(directory.path());
      INFO("seed " << seed << ", write " << history.number().value());
      REQUIRE(same(store.take_stored(), history.stored()));
      for (int commit = 0; commit < 10; ++commit) {
        std::vector<core::Write> writes(random.below(6));
        for (auto& write : writes) write = history.next();
        REQUIRE(store.apply(writes));
      }
    }
    CHECK(same(reopen(directory.path()), history.stored()));
  }
}

TEST_CASE("the parts of one write are applied in order: snapshot, truncation, entries") {
  const TemporaryDirectory directory;
  const auto snapshot = std::make_shared<core::Snapshot>(
      core::Snapshot{LogIndex(2), Term(1), three_voters(), "state"});
  {
    auto store = open_store(directory.path());
    REQUIRE(apply(store, first(Term(2), nullptr,
                               {command(1, 1, "a"), command(2, 1, "b"), command(3, 1, "c"),
                                command(4, 1, "d")})));
    auto write = append({command(4, 2, "e")});
    write.snapshot = snapshot;
    write.truncate_from = LogIndex(4);
    REQUIRE(apply(store, write));
  }
  const auto stored = reopen(directory.path());
  CHECK(stored.snapshot->bytes == "state");
  CHECK(stored.entries == std::vector{command(3, 1, "c"), command(4, 2, "e")});
  {
    auto store = open_store(directory.path());
    core::Write write;
    write.snapshot = snapshot;
    write.discard_log = true;
    REQUIRE(apply(store, write));
    REQUIRE(apply(store, append({command(3, 2, "f")})));
  }
  CHECK(reopen(directory.path()).entries == std::vector{command(3, 2, "f")});
}

TEST_CASE("the largest snapshot and the largest command come back") {
  const TemporaryDirectory directory;
  const auto wal = directory.path() / "cluster.db-wal";
  const auto snapshot = std::make_shared<core::Snapshot>(core::Snapshot{
      LogIndex(1), Term(1), three_voters(), std::string(limits::snapshot_bytes_max, 's')});
  const auto largest = command(2, 1, std::string(limits::command_bytes_max, 'c'));
  {
    auto store = open_store(directory.path());
    REQUIRE(apply(store, first(Term(1), snapshot, {largest})));
    CHECK(fs::file_size(wal) > limits::wal_bytes_max);
    // The next commit starts at the front again, and cuts the file back.
    REQUIRE(apply(store, append({command(3, 1, "next")})));
    CHECK(fs::file_size(wal) <= limits::wal_bytes_max);
  }
  const auto stored = reopen(directory.path());
  CHECK(stored.snapshot->bytes == snapshot->bytes);
  CHECK(stored.entries.front() == largest);
}

TEST_CASE("compaction keeps the files bounded however long the node lives") {
  const TemporaryDirectory directory;
  auto store = open_store(directory.path());
  REQUIRE(apply(store, first(Term(1), nullptr, {})));
  constexpr std::uint64_t kBatch = 50;
  constexpr std::uint64_t kCompactEvery = 500;
  std::uintmax_t wal_max = 0, early = 0, late = 0;
  std::uint64_t index = 0;
  for (int commit = 1; commit <= 500; ++commit) {
    core::Write write;
    for (std::uint64_t i = 0; i < kBatch; ++i) {
      ++index;
      write.append.push_back(command(index, 1, std::string(700, 'x')));
    }
    std::vector<core::Write> writes = {write};
    if (index % kCompactEvery == 0) {
      core::Write compaction;
      compaction.snapshot = std::make_shared<core::Snapshot>(
          core::Snapshot{LogIndex(index), Term(1), three_voters(), std::string(100'000, 's')});
      writes.push_back(compaction);
    }
    REQUIRE(store.apply(writes));
    wal_max = std::max(wal_max, fs::file_size(directory.path() / "cluster.db-wal"));
    const auto size = fs::file_size(directory.path() / "cluster.db");
    (commit <= 200 ? early : late) = std::max(commit <= 200 ? early : late, size);
  }
  CHECK(wal_max <= limits::wal_bytes_max + 1024 * 1024);  // and the last commit before it was due
  CHECK(late <= early);
}

TEST_CASE("a directory in use by another process is refused") {
  const TemporaryDirectory directory;
  auto store = open_store(directory.path());
  const pid_t other = fork();
  if (other == 0) {
    auto second = LogStore::open(directory.path());
    const bool refused = !second && second.error().code == ErrorCode::io &&
                         second.error().message.find("another process") != std::string::npos;
    _exit(refused ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(other, &status, 0) == other);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace tandem::storage::log_store_test
