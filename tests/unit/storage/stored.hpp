// stored.hpp: what the tests of the durable log write and compare: a random history of writes as a
// node may make them, its outcome on the simulated disk, and directories byte for byte.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "common/core/outputs.hpp"
#include "common/base/splitmix64.hpp"
#include "common/storage/log_store.hpp"
#include "tests/sim/disk.hpp"

namespace tandem::storage {

// Writes that follow each other as a node's do. The same seed gives the same writes.
class History {
 public:
  // Terms that count writes tell from a stored state how many writes it holds.
  enum class Terms { rise_at_times, count_writes };
  History(std::uint64_t seed, Terms terms) : random_(seed), terms_(terms) {}

  // The next write; after it, stored() is what a disk holds that has it.
  core::Write next();
  const core::Stored& stored() const { return disk_.stored(); }
  core::WriteNumber number() const { return number_; }

 private:
  void change_hard_state(core::Write& write);
  void change_log(core::Write& write);
  core::Entry entry(LogIndex index);

  SplitMix64 random_;
  Terms terms_;
  core::WriteNumber number_;
  sim::Disk disk_;
};

core::Entry command(std::uint64_t index, std::uint64_t term, std::string bytes);
core::Configuration three_voters();
// A first write: a term, a snapshot or none, and entries.
core::Write first(Term term, core::SnapshotPointer snapshot, std::vector<core::Entry> entries);
core::Write append(std::vector<core::Entry> entries);

// True when both mean the same; says where not.
bool same(const core::Stored& a, const core::Stored& b);

// Opens it and takes what is in it; fails the test when it cannot.
LogStore open_store(const std::filesystem::path& directory);
core::Stored reopen(const std::filesystem::path& directory);

// The names and bytes of what lies in a directory.
using Files = std::map<std::string, std::string>;
Files files_in(const std::filesystem::path& directory);
// Makes the directory hold exactly these.
void put_files(const std::filesystem::path& directory, const Files& files);

}  // namespace tandem::storage
