// A disk that refuses: full, at a limit, failing to sync. The node is told, and what had been
// reported durable is there when the disk is well again.
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cerrno>

#include <catch2/catch.hpp>

#include "common/core/limits.hpp"
#include "tests/unit/master/temporary_directory.hpp"
#include "tests/unit/storage/stored.hpp"
#include "tests/unit/storage/disk_fault.hpp"

namespace tandem::storage::disk_failure_test {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

// No file of this process grows beyond `bytes`, while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    was_ignored_ = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, was_ignored_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  sighandler_t was_ignored_ = SIG_DFL;
};

class SmallDisk {
 public:
  explicit SmallDisk(const fs::path& at) : at_(at) {
    mounted_ = mount("tmpfs", at.c_str(), "tmpfs", 0, "size=2m") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount(at_.c_str());
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }
  bool grow() const { return mount("tmpfs", at_.c_str(), "tmpfs", MS_REMOUNT, "size=20m") == 0; }

 private:
  fs::path at_;
  bool mounted_ = false;
};

struct Outcome {
  Error error;
  core::Stored durable;    // after the last write that succeeded
  core::Stored attempted;  // with the one that failed
};

// Writes until the disk refuses.
Outcome write_until_refused(LogStore& store, std::uint64_t from) {
  Outcome outcome;
  outcome.durable = store.take_stored();
  for (std::uint64_t index = from;; ++index) {
    REQUIRE(index < 20'000);
    const auto entry = command(index, 1, std::string(limits::command_bytes_max, 'x'));
    const auto write = index == 1 ? first(Term(1), nullptr, {entry}) : append({entry});
    outcome.attempted = outcome.durable;
    if (write.hard_state) outcome.attempted.hard_state = *write.hard_state;
    outcome.attempted.entries.push_back(entry);
    if (auto applied = store.apply({&write, 1}); !applied) {
      outcome.error = applied.error();
      return outcome;
    }
    outcome.durable = outcome.attempted;
  }
}

void check_outcome(const fs::path& directory, const Outcome& outcome) {
  const auto found = reopen(directory);
  const auto holds = found.entries.size();
  CHECK((holds == outcome.durable.entries.size() || holds == outcome.attempted.entries.size()));
  CHECK(same(found, holds == outcome.durable.entries.size() ? outcome.durable : outcome.attempted));
}

TEST_CASE("a full disk refuses in a sentence, and keeps what was durable") {
  const TemporaryDirectory directory;
  const SmallDisk disk(directory.path());
  if (!disk.mounted()) {
    WARN("mounting a small disk needs to be root: not tested here");
    return;
  }
  Outcome outcome;
  {
    auto store = open_store(directory.path());
    outcome = write_until_refused(store, 1);
  }
  CHECK(outcome.error.code == ErrorCode::io);
  CHECK_THAT(outcome.error.message, Contains((directory.path() / "cluster.db").string()));
  CHECK_THAT(outcome.error.message, Contains("full"));
  REQUIRE(disk.grow());
  check_outcome(directory.path(), outcome);
}

TEST_CASE("a file that may not grow refuses, and keeps what was durable") {
  const TemporaryDirectory directory;
  Outcome outcome;
  {
    auto store = open_store(directory.path());
    const FileSizeLimit limit(1024 * 1024);
    outcome = write_until_refused(store, 1);
  }
  CHECK(outcome.error.code == ErrorCode::io);
  CHECK_THAT(outcome.error.message, Contains((directory.path() / "cluster.db").string()));
  CHECK(outcome.durable.entries.size() > 10);
  check_outcome(directory.path(), outcome);
}

TEST_CASE("a failing sync is a failed write, and is not tried again") {
  const TemporaryDirectory directory;
  Outcome outcome;
  {
    auto store = open_store(directory.path());
    const DiskFault fault({.calls = DiskFault::Calls::syncs, .lasts = true});
    outcome = write_until_refused(store, 1);
  }
  CHECK(outcome.durable.entries.empty());
  CHECK(outcome.error.code == ErrorCode::io);
  CHECK_THAT(outcome.error.message,
             Contains((directory.path() / "cluster.db").string()) && Contains("I/O error"));
  check_outcome(directory.path(), outcome);
}

TEST_CASE("a sync that fails while the write-ahead log is emptied is a failed write") {
  const TemporaryDirectory directory;
  Outcome outcome;
  {
    auto store = open_store(directory.path());
    std::vector<core::Entry> entries;
    for (std::uint64_t index = 1; index <= 400; ++index) {
      entries.push_back(command(index, 1, std::string(limits::command_bytes_max, 'x')));
    }
    const auto write = first(Term(1), nullptr, entries);
    outcome.attempted.hard_state = *write.hard_state;
    outcome.attempted.entries = entries;
    const DiskFault fault(
        {.named = "/cluster.db", .calls = DiskFault::Calls::syncs, .lasts = true});
    const auto applied = store.apply({&write, 1});
    REQUIRE(!applied);
    CHECK(applied.error().code == ErrorCode::io);
  }
  CHECK(same(reopen(directory.path()), outcome.attempted));  // the commit itself was synced
}

TEST_CASE("every commit is synced") {
  const TemporaryDirectory directory;
  auto store = open_store(directory.path());
  for (std::uint64_t index = 1; index <= 20; ++index) {
    const auto before = syncs();
    const auto entry = command(index, 1, "x");
    const auto write = index == 1 ? first(Term(1), nullptr, {entry}) : append({entry});
    REQUIRE(store.apply({&write, 1}));
    CHECK(syncs() > before);
  }
}

TEST_CASE("a directory that cannot be made or written says so") {
  const TemporaryDirectory directory;
  auto store = LogStore::open(directory.path() / "nowhere");
  REQUIRE(!store);
  CHECK(store.error().code == ErrorCode::io);
  CHECK_THAT(store.error().message, Contains("nowhere/cluster.db"));
  const DiskFault fault({.calls = DiskFault::Calls::syncs, .lasts = true});
  store = LogStore::open(directory.path());
  REQUIRE(!store);
  CHECK(store.error().code == ErrorCode::io);
  CHECK(files_in(directory.path()).count("cluster.db") == 0);
}

}  // namespace
}  // namespace tandem::storage::disk_failure_test
