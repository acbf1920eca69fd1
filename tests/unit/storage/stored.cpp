#include "tests/unit/storage/stored.hpp"

#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace tandem::storage {

namespace fs = std::filesystem;

core::Entry command(std::uint64_t index, std::uint64_t term, std::string bytes) {
  return {LogIndex(index), Term(term), core::Command{{7, index}, std::move(bytes)}};
}

core::Configuration three_voters() {
  core::Configuration configuration;
  for (const auto* name : {"a", "b"}) {
    configuration.voters.push_back(
        {{core::NodeId(name), core::IncarnationId(77)}, core::VoterKind::master, LogIndex(1)});
  }
  configuration.voters.push_back(
      {{core::NodeId("w"), core::IncarnationId(78)}, core::VoterKind::witness, LogIndex(3)});
  configuration.was_protected = true;
  return configuration;
}

core::Write first(Term term, core::SnapshotPointer snapshot, std::vector<core::Entry> entries) {
  auto write = append(std::move(entries));
  write.hard_state = {core::ClusterId(1), term, {}};
  write.snapshot = std::move(snapshot);
  return write;
}

core::Write append(std::vector<core::Entry> entries) {
  core::Write write;
  write.append = std::move(entries);
  return write;
}

core::Write History::next() {
  core::Write write;
  number_ = write.number = number_.next();
  if (terms_ == Terms::count_writes || random_.below(4) == 0 || number_.value() == 1) {
    change_hard_state(write);
  }
  change_log(write);
  disk_.write(write, {}, random_);
  disk_.finish(write.number);
  return write;
}

void History::change_hard_state(core::Write& write) {
  core::HardState state = stored().hard_state;
  state.cluster = core::ClusterId(4711);
  state.term = state.term.next();
  state.vote = {};
  if (random_.below(2) == 0) state.vote = {core::NodeId("b"), core::IncarnationId(number_.value())};
  write.hard_state = state;
}

void History::change_log(core::Write& write) {
  const auto& log = stored();
  const LogIndex edge = log.snapshot == nullptr ? LogIndex(0) : log.snapshot->index;
  LogIndex last = LogIndex(edge.value() + log.entries.size());
  const auto what = random_.below(30);
  if (what == 0) {  // another's snapshot, in place of everything
    last = LogIndex(last.value() + random_.below(5));
    write.snapshot = std::make_shared<core::Snapshot>(core::Snapshot{
        last, log.entries.empty() ? Term(1) : log.entries.back().term, three_voters(), "{}"});
    write.discard_log = true;
  } else if (what <= 2 && !log.entries.empty()) {
    const auto& at = log.entries[random_.below(log.entries.size())];
    write.snapshot = std::make_shared<core::Snapshot>(
        core::Snapshot{at.index, at.term, three_voters(), std::string(random_.below(9'000), 's')});
  } else if (what <= 5 && !log.entries.empty()) {
    write.truncate_from = log.entries[random_.below(log.entries.size())].index;
    last = LogIndex(write.truncate_from->value() - 1);
  }
  for (auto count = random_.below(4); count > 0; --count) {
    last = last.next();
    write.append.push_back(entry(last));
    if (write.hard_state) write.append.back().term = write.hard_state->term;
  }
}

core::Entry History::entry(LogIndex index) {
  const Term term = stored().hard_state.term;
  switch (random_.below(10)) {
    case 0: return {index, term, core::NoOp{}};
    case 1: return {index, term, three_voters()};
    default:
      return command(index.value(), term.value(), std::string(random_.below(600), 'x') + "\"\\\n");
  }
}

bool same(const core::Stored& a, const core::Stored& b) {
  if (a.hard_state != b.hard_state) {
    UNSCOPED_INFO(fmt::format("term {} is not term {}", a.hard_state.term, b.hard_state.term));
    return false;
  }
  if ((a.snapshot == nullptr) != (b.snapshot == nullptr)) return false;
  if (a.snapshot != nullptr &&
      (a.snapshot->index != b.snapshot->index || a.snapshot->term != b.snapshot->term ||
       a.snapshot->bytes != b.snapshot->bytes ||
       a.snapshot->configuration != b.snapshot->configuration)) {
    UNSCOPED_INFO("the snapshots differ");
    return false;
  }
  if (a.entries != b.entries) {
    UNSCOPED_INFO(fmt::format("{} entries are not {}", a.entries.size(), b.entries.size()));
    return false;
  }
  return true;
}

LogStore open_store(const fs::path& directory) {
  auto store = LogStore::open(directory);
  INFO((store ? "" : store.error().message));
  REQUIRE(store);
  return std::move(*store);
}

core::Stored reopen(const fs::path& directory) { return open_store(directory).take_stored(); }

Files files_in(const fs::path& directory) {
  Files files;
  for (const auto& file : fs::directory_iterator(directory)) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    files[file.path().filename()] = std::string(std::istreambuf_iterator<char>(in), {});
  }
  return files;
}

void put_files(const fs::path& directory, const Files& files) {
  for (const auto& file : fs::directory_iterator(directory)) fs::remove_all(file);
  for (const auto& [name, bytes] : files) {
    std::ofstream(directory / name, std::ios::binary) << bytes;
  }
}

}  // namespace tandem::storage
