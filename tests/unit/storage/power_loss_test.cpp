// The power goes at each call that the durable log makes: of what was not synced, nothing is there
// afterwards, or some files' part of it. What was reported durable is.
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "tests/unit/master/temporary_directory.hpp"
#include "tests/unit/storage/disk_fault.hpp"
#include "tests/unit/storage/stored.hpp"

namespace tandem::storage::power_loss_test {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::uint64_t inode_of(const fs::path& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 ? status.st_ino : 0;
}

// What of a directory would be there if the power went now. A file is as it was when it was synced
// last, and has the name that it had when the directory was.
class DurablePart {
 public:
  explicit DurablePart(fs::path directory) : directory_(std::move(directory)) {}

  void synced(const fs::path& path) {
    if (path != directory_) {
      contents_[inode_of(path)] = content_of(path);
      return;
    }
    names_.clear();
    for (const auto& file : fs::directory_iterator(directory_)) {
      names_[file.path().filename()] = inode_of(file.path());
    }
  }

  // REQUIRES: nobody has a file of it open. Each file keeps what was not synced when `keeps` says
  // so.
  void lose_power(const std::function<bool()>& keeps) const {
    Files left;
    const auto now = files_in(directory_);
    for (const auto& [name, inode] : names_) {
      const auto content = contents_.find(inode);
      left[name] = content == contents_.end() ? "" : content->second;
      const auto unsynced = now.find(name);
      const bool is_same_file = inode_of(directory_ / name) == inode;
      if (is_same_file && unsynced != now.end() && keeps()) left[name] = unsynced->second;
    }
    for (const auto& [name, content] : now) {
      if (!names_.contains(name) && keeps()) left[name] = content;
    }
    put_files(directory_, left);
  }

 private:
  const fs::path directory_;
  std::map<std::string, std::uint64_t> names_;     // to inodes
  std::map<std::uint64_t, std::string> contents_;  // by inode
};

// Writes a history, with an ordinary restart in its middle, until the disk refuses. Returns how
// many writes were reported durable.
std::uint64_t write_until_refused(const fs::path& directory, History history) {
  for (int start = 0; start < 2; ++start) {
    auto store = LogStore::open(directory);
    for (int i = 0; i < 12; ++i) {
      if (!store) return history.number().value();
      const auto reported = history.number().value();
      const auto write = history.next();
      if (!store->apply({&write, 1})) return reported;
    }
  }
  return history.number().value();
}

// Returns the number of calls that were made. The power goes at the call of that number.
std::uint64_t lose_power_at(std::uint64_t call, const std::function<bool()>& keeps) {
  const TemporaryDirectory directory(TemporaryDirectory::Where::in_memory);
  DurablePart durable(directory.path());
  durable.synced(directory.path());
  History history(51, History::Terms::count_writes);
  std::uint64_t reported = 0, calls = 0;
  {
    DiskFault power({.below = directory.path(),
                     .number = call,
                     .lasts = true,
                     .synced = [&durable](const std::string& path) { durable.synced(path); }});
    reported = write_until_refused(directory.path(), history);
    calls = power.calls();
  }
  durable.lose_power(keeps);
  const auto found = reopen(directory.path());
  CHECK(found.hard_state.term.value() >= reported);
  CHECK(found.hard_state.term.value() <= reported + 1);
  while (history.stored().hard_state.term < found.hard_state.term) history.next();
  CHECK(same(found, history.stored()));
  return calls;
}

TEST_CASE("at whichever call the power goes, what was reported durable is there") {
  SplitMix64 random(52);
  const std::function<bool()> nothing = [] { return false; };
  const std::function<bool()> some_files = [&random] { return random.below(2) == 0; };
  const auto calls = lose_power_at(~std::uint64_t{0}, nothing);
  CHECK(calls > 200);
  for (std::uint64_t call = 1; call <= calls; ++call) {
    CAPTURE(call);
    lose_power_at(call, nothing);
    for (int i = 0; i < 3; ++i) lose_power_at(call, some_files);
  }
}

}  // namespace
}  // namespace tandem::storage::power_loss_test
