// Each call that the durable log makes, in a history of all that it does, refused in each way: what
// was reported durable is there, what was not is there whole or not at all, and when the disk works
// again so does the log.
#include <algorithm>
#include <condition_variable>
#include <mutex>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/core/limits.hpp"
#include "common/storage/log_writer.hpp"
#include "tests/unit/master/temporary_directory.hpp"
#include "tests/unit/storage/disk_fault.hpp"
#include "tests/unit/storage/stored.hpp"

namespace tandem::storage::every_fault_test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// What replaces all that a disk may hold, as core::Node says it.
core::Write whole(const core::Stored& stored, core::WriteNumber number) {
  core::Write write;
  write.number = number;
  write.hard_state = stored.hard_state;
  write.snapshot = stored.snapshot;
  write.discard_log = stored.snapshot != nullptr;
  if (stored.snapshot == nullptr) write.truncate_from = LogIndex(1);
  write.append = stored.entries;
  return write;
}

// The writes of a history, and what a disk holds after each. The term counts them.
struct Script {
  explicit Script(std::size_t length) {
    History history(41, History::Terms::count_writes);
    states.emplace_back();
    for (std::size_t i = 0; i < length; ++i) {
      writes.push_back(history.next());
      states.push_back(history.stored());
    }
  }
  std::size_t size() const { return writes.size(); }

  std::vector<core::Write> writes;  // [i] leads from states[i] to states[i + 1]
  std::vector<core::Stored> states;
};

const Script& script() {
  static const Script script(24);
  return script;
}

// What becomes of a node whose log has failed: it goes on, and the log is opened anew, or its
// process ends, and is started again.
enum class Then { goes_on, restarts };

// A node as the log sees it, through one history. Its process is started, writes, ends in the
// middle and is started again.
class Node {
 public:
  Node(const fs::path& directory, Then then, DiskFault& fault)
      : directory_(directory), then_(then), fault_(fault) {}

  void live() {
    start();
    while (written_ < script().size() / 2) write();
    store_.reset();
    start();
    while (written_ < script().size()) write();
    store_.reset();
    fault_.lift();
    start();
    CHECK(written_ == script().size());
    INFO(fault_.struck());
    CHECK(!fs::exists(directory_ / "cluster.db.set-aside"));
  }

 private:
  // A process that cannot open its log ends; an operator starts it again when the disk works.
  void start() {
    auto store = LogStore::open(directory_);
    if (!store) {
      must_be_refused(store.error());
      fault_.lift();
      store = LogStore::open(directory_);
    }
    INFO(fault_.struck() << ": " << (store ? "" : store.error().message));
    REQUIRE(store);
    if (incarnation_.value() != 0) CHECK(store->incarnation() == incarnation_);
    incarnation_ = store->incarnation();
    const auto found = store->take_stored();
    INFO(fault_.struck());
    const auto holds = static_cast<std::size_t>(found.hard_state.term.value());
    REQUIRE(holds >= durable_);
    REQUIRE(holds <= written_);
    CHECK(same(found, script().states[holds]));
    written_ = durable_ = holds;
    store_.emplace(std::move(*store));
  }

  void write() {
    const auto& next = script().writes[written_];
    ++written_;
    const auto applied = store_->apply({&next, 1});
    if (applied) {
      durable_ = written_;
      return;
    }
    must_be_refused(applied.error());
    store_.reset();
    if (then_ == Then::restarts) {
      fault_.lift();
      return start();
    }
    recover();
  }

  void recover() {
    auto store = LogStore::reopen(directory_, incarnation_);
    if (!store) {
      must_be_refused(store.error());
      fault_.lift();
      store = LogStore::reopen(directory_, incarnation_);
    }
    INFO(fault_.struck() << ": " << (store ? "" : store.error().message));
    REQUIRE(store);
    store_.emplace(std::move(*store));
    const auto all = whole(script().states[written_], core::WriteNumber(1));
    if (auto applied = store_->apply({&all, 1}); !applied) {
      must_be_refused(applied.error());
      fault_.lift();
      store_.reset();
      return recover();
    }
    durable_ = written_;
  }

  // A disk that refuses is no damage: what is damaged is moved away.
  void must_be_refused(const Error& error) {
    INFO(fault_.struck() << ": " << error.message);
    CHECK(fault_.has_struck());
    CHECK(error.code == ErrorCode::io);
    CHECK(error.message.find(directory_.string()) != std::string::npos);
  }

  const fs::path directory_;
  const Then then_;
  DiskFault& fault_;
  core::IncarnationId incarnation_;
  std::size_t written_ = 0;  // to the store, successfully or not
  std::size_t durable_ = 0;  // of them, as it has reported
  std::optional<LogStore> store_;
};

DiskFault::Plan never() { return {.number = ~std::uint64_t{0}}; }

// A history with that fault in it. Returns how many calls it made.
std::uint64_t live_with(DiskFault::Plan plan, Then then) {
  const TemporaryDirectory directory(TemporaryDirectory::Where::in_memory);
  plan.below = directory.path();
  DiskFault fault(plan);
  Node(directory.path(), then, fault).live();
  return fault.calls();
}

void live_with_each(DiskFault::Plan plan) {
  const auto calls = live_with(never(), Then::goes_on);
  CHECK(calls > 200);
  for (const auto then : {Then::goes_on, Then::restarts}) {
    for (std::uint64_t number = 1; number <= calls; ++number) {
      plan.number = number;
      CAPTURE(number, plan.lasts, plan.error, then == Then::restarts);
      live_with(plan, then);
    }
  }
}

TEST_CASE("whichever call fails once, nothing is lost, and the log goes on") {
  const int error = GENERATE(ENOSPC, EIO, EROFS, EDQUOT, EMFILE);
  live_with_each({.error = error});
}

TEST_CASE("from whichever call on the disk refuses all, nothing is lost, and it is tried again") {
  const int error = GENERATE(ENOSPC, EIO);
  live_with_each({.lasts = true, .error = error});
}

TEST_CASE("a disk that takes a half of each write is written on") {
  live_with_each({.lasts = false, .form = DiskFault::Form::short_write});
  live_with({.lasts = true, .form = DiskFault::Form::short_write}, Then::goes_on);
}

TEST_CASE("a fault while the write-ahead log is emptied is a failed write, and nothing is lost") {
  // One write that fills the write-ahead log, so that it is emptied at once: from its sync on.
  const auto fill = [](DiskFault::Plan plan) {
    const TemporaryDirectory directory(TemporaryDirectory::Where::in_memory);
    auto store = open_store(directory.path());
    std::vector<core::Entry> entries;
    for (std::uint64_t index = 1; index <= 260; ++index) {
      entries.push_back(command(index, 1, std::string(limits::command_bytes_max, 'x')));
    }
    const auto write = first(Term(1), nullptr, entries);
    plan.below = directory.path();
    DiskFault fault(plan);
    const auto applied = store.apply({&write, 1});
    CHECK(applied.ok() == !fault.has_struck());
    if (!applied) CHECK(applied.error().code == ErrorCode::io);
    fault.lift();
    { const auto closed = std::move(store); }
    const auto found = reopen(directory.path());
    const bool holds_it = found.entries == entries;
    CHECK((holds_it || (!applied && found.entries.empty())));
    return fault.calls();
  };
  const auto calls = fill({.number = ~std::uint64_t{0}});
  CHECK(calls > 1'000);
  // Thousands of pages are alike: some of them, and each of the last calls.
  for (auto number = calls; number > 0; number -= std::min(number, calls / 16)) {
    CAPTURE(number);
    fill({.number = number, .error = ENOSPC});
  }
  for (auto number = calls - 12; number <= calls; ++number) {
    CAPTURE(number);
    fill({.number = number, .error = EIO});
  }
}

TEST_CASE("whichever call hangs, writes wait and are done when it goes on") {
  std::uint64_t calls = 0;
  for (std::uint64_t number = 1; number == 1 || number <= calls; ++number) {
    CAPTURE(number);
    const TemporaryDirectory directory(TemporaryDirectory::Where::in_memory);
    auto store = open_store(directory.path());
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t durable = 0;
    DiskFault fault({.below = directory.path(), .number = number, .form = DiskFault::Form::hang});
    {
      LogWriter writer(std::move(store), {.durable =
                                              [&](core::WriteNumber number) {
                                                const std::lock_guard lock(mutex);
                                                durable = number.value();
                                                changed.notify_one();
                                              },
                                          .failed = [](const Error& error) { FAIL(error.message); },
                                          .works = [] {}});
      const auto await = [&](auto condition) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, 20s, condition);
      };
      for (const auto& write : script().writes) {
        writer.write(write);  // returns, whatever the disk does
        if (write.number.value() > 3) continue;
        // One commit each, until one hangs.
        const auto number = write.number.value();
        while (!fault.has_struck()) {
          std::unique_lock lock(mutex);
          if (changed.wait_for(lock, 1ms, [&] { return durable >= number; })) break;
        }
      }
      if (fault.has_struck()) CHECK(durable < script().size());
      fault.lift();
      CHECK(await([&] { return durable == script().size(); }));
    }
    calls = std::max(calls, fault.calls());
    CHECK(same(reopen(directory.path()), script().states.back()));
  }
}

}  // namespace
}  // namespace tandem::storage::every_fault_test
