#include "common/storage/log_writer.hpp"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <mutex>

#include <catch2/catch.hpp>

#include "tests/unit/master/temporary_directory.hpp"
#include "tests/unit/storage/stored.hpp"
#include "tests/unit/storage/disk_fault.hpp"

namespace tandem::storage::log_writer_test {
namespace {

using Catch::Matchers::Contains;
using namespace std::chrono_literals;

// What the hooks were told; the writer's thread can be held in them.
class Told {
 public:
  LogWriter::Hooks hooks() {
    return {.durable =
                [this](core::WriteNumber number) {
                  std::unique_lock lock(mutex_);
                  numbers_.push_back(number.value());
                  changed_.notify_all();
                  changed_.wait(lock, [this] { return !held_; });
                },
            .failed =
                [this](Error error) {
                  const std::lock_guard lock(mutex_);
                  errors_.push_back(error.message);
                  changed_.notify_all();
                },
            .works =
                [this] {
                  const std::lock_guard lock(mutex_);
                  ++works_;
                  changed_.notify_all();
                }};
  }

  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return condition(numbers_, errors_); });
  }
  bool wait_for(std::uint64_t number) {
    return wait([&](const auto& numbers, const auto&) {
      return !numbers.empty() && numbers.back() >= number;
    });
  }
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  std::vector<std::uint64_t> numbers() {
    const std::lock_guard lock(mutex_);
    return numbers_;
  }
  bool wait_until_it_works() {
    return wait([this](const auto&, const auto&) { return works_ > 0; });
  }
  std::vector<std::string> errors() {
    const std::lock_guard lock(mutex_);
    return errors_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::uint64_t> numbers_;
  std::vector<std::string> errors_;
  unsigned works_ = 0;
  bool held_ = false;
};

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

TEST_CASE("what the writer reports durable is on the disk, in order") {
  const TemporaryDirectory directory;
  History history(21, History::Terms::rise_at_times);
  Told told;
  {
    LogWriter writer(open_store(directory.path()), told.hooks());
    for (int i = 0; i < 300; ++i) writer.write(history.next());
    CHECK(told.wait_for(300));
  }
  const auto numbers = told.numbers();
  CHECK(std::is_sorted(numbers.begin(), numbers.end()));
  CHECK(numbers.back() == 300);
  CHECK(told.errors().empty());
  CHECK(same(reopen(directory.path()), history.stored()));
}

TEST_CASE("all writes that wait share one commit") {
  const TemporaryDirectory directory;
  History history(22, History::Terms::rise_at_times);
  Told told;
  LogWriter writer(open_store(directory.path()), told.hooks());
  told.hold(true);
  writer.write(history.next());
  REQUIRE(told.wait_for(1));
  for (int i = 0; i < 100; ++i) writer.write(history.next());
  const auto before = syncs();
  told.hold(false);
  REQUIRE(told.wait_for(101));
  CHECK(told.numbers() == std::vector<std::uint64_t>{1, 101});
  CHECK(syncs() == before + 1);
}

TEST_CASE("a writer that ends writes what waits") {
  const TemporaryDirectory directory;
  History history(23, History::Terms::rise_at_times);
  Told told;
  {
    LogWriter writer(open_store(directory.path()), told.hooks());
    for (int i = 0; i < 100; ++i) writer.write(history.next());
  }
  CHECK(told.numbers().back() == 100);
  CHECK(same(reopen(directory.path()), history.stored()));
}

TEST_CASE("a disk that fails is reported, and later writes are dropped") {
  const TemporaryDirectory directory;
  History history(24, History::Terms::rise_at_times);
  Told told;
  core::Stored durable;
  {
    LogWriter writer(open_store(directory.path()), told.hooks());
    writer.write(history.next());
    REQUIRE(told.wait_for(1));
    durable = history.stored();
    {
      const DiskFault fault({.calls = DiskFault::Calls::syncs, .lasts = true});
      writer.write(history.next());
      REQUIRE(told.wait([](const auto&, const auto& errors) { return !errors.empty(); }));
    }
    for (int i = 0; i < 10; ++i) writer.write(history.next());
  }
  REQUIRE(told.errors().size() == 1);
  CHECK_THAT(told.errors().front(), Contains((directory.path() / "cluster.db").string()));
  CHECK(told.numbers() == std::vector<std::uint64_t>{1});
  CHECK(reopen(directory.path()).hard_state.term >= durable.hard_state.term);
}

TEST_CASE("a disk that works again is given all that is known, and is written on") {
  const TemporaryDirectory directory;
  History history(26, History::Terms::count_writes);
  Told told;
  {
    LogWriter writer(open_store(directory.path()), told.hooks(), 1ms);
    writer.write(history.next());
    REQUIRE(told.wait_for(1));
    {
      const DiskFault fault({.calls = DiskFault::Calls::syncs, .lasts = true});
      writer.write(history.next());
      REQUIRE(told.wait([](const auto&, const auto& errors) { return errors.size() > 2; }));
      for (int i = 0; i < 10; ++i) writer.write(history.next());
    }
    REQUIRE(told.wait_until_it_works());
    writer.write(history.next());  // of before the shell knew: dropped
    writer.resume();
    const core::WriteNumber number(history.number().value() + 1);
    writer.write(whole(history.stored(), number));
    REQUIRE(told.wait_for(number.value()));
  }
  CHECK(told.numbers() == std::vector<std::uint64_t>{1, history.number().value() + 1});
  CHECK(same(reopen(directory.path()), history.stored()));
}

TEST_CASE("a disk that fails while nothing is written is noticed, and so is that it works again") {
  const TemporaryDirectory directory;
  History history(28, History::Terms::count_writes);
  Told told;
  LogWriter writer(open_store(directory.path()), told.hooks(), 1ms, 1ms);
  writer.write(history.next());
  REQUIRE(told.wait_for(1));
  {
    const DiskFault fault({.calls = DiskFault::Calls::syncs, .lasts = true});
    REQUIRE(told.wait([](const auto&, const auto& errors) { return !errors.empty(); }));
  }
  REQUIRE(told.wait_until_it_works());
  writer.resume();
  const core::WriteNumber number(history.number().value() + 1);
  writer.write(whole(history.stored(), number));
  REQUIRE(told.wait_for(number.value()));
}

TEST_CASE("the log is as it was after its disk was tried") {
  const TemporaryDirectory directory;
  History history(29, History::Terms::count_writes);
  Told told;
  {
    LogWriter writer(open_store(directory.path()), told.hooks(), 1ms, 1ms);
    writer.write(history.next());
    REQUIRE(told.wait_for(1));
    const auto before = syncs();
    while (syncs() < before + 5) std::this_thread::yield();
  }
  CHECK(told.errors().empty());
  CHECK(told.numbers() == std::vector<std::uint64_t>{1});
  CHECK(same(reopen(directory.path()), history.stored()));
}

TEST_CASE("the writer's thread has a name and takes no signals") {
  const TemporaryDirectory directory;
  Told told;
  History history(25, History::Terms::rise_at_times);
  std::string name(16, '\0');
  bool blocked = false;
  auto hooks = told.hooks();
  hooks.durable = [&, tell = hooks.durable](core::WriteNumber number) {
    pthread_getname_np(pthread_self(), name.data(), name.size());
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR1) == 1;
    tell(number);
  };
  {
    LogWriter writer(open_store(directory.path()), hooks);
    writer.write(history.next());
  }
  CHECK(std::string(name.c_str()) == "log-writer");
  CHECK(blocked);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  CHECK(sigismember(&mask, SIGTERM) == 0);
}

}  // namespace
}  // namespace tandem::storage::log_writer_test
