// A process that is killed while it writes: everything that it had reported durable is there, and
// what is there is what it had written up to some point.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <optional>

#include <catch2/catch.hpp>

#include "common/storage/log_writer.hpp"
#include "tests/unit/master/temporary_directory.hpp"
#include "tests/unit/storage/stored.hpp"

namespace tandem::storage::kill_test {
namespace {

constexpr std::uint64_t kAheadMax = 200;  // writes that wait

// In the child: continues the history until it is killed, and reports each durable number.
[[noreturn]] void write_forever(const std::filesystem::path& directory, History history, int pipe) {
  auto store = LogStore::open(directory);
  if (!store) _exit(2);
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t durable = history.number().value();
  LogWriter writer(std::move(*store), {.durable =
                                           [&](core::WriteNumber number) {
                                             const auto value = number.value();
                                             if (::write(pipe, &value, sizeof value) < 0) _exit(3);
                                             const std::lock_guard lock(mutex);
                                             durable = value;
                                             changed.notify_one();
                                           },
                                       .failed = [](Error) { _exit(4); },
                                       .works = [] {}});
  for (;;) {
    writer.write(history.next());
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return history.number().value() < durable + kAheadMax; });
  }
}

// A process that writes; gone with this object, whatever the test says.
class Child {
 public:
  Child(const std::filesystem::path& directory, const History& history) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[0]);
      write_forever(directory, history, ends[1]);
    }
    close(ends[1]);
    reports_ = ends[0];
    REQUIRE(pid_ > 0);
  }
  ~Child() {
    if (pid_ > 0) stop();
    close(reports_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The next number that it reports; none when it has ended.
  std::optional<std::uint64_t> report() const {
    std::uint64_t number = 0;
    if (read(reports_, &number, sizeof number) != sizeof number) return std::nullopt;
    return number;
  }

  // Kills it; returns the last number that it reported, `last` when there are no more.
  std::uint64_t kill_and_read(std::uint64_t last) {
    const int status = stop();
    CHECK(WIFSIGNALED(status));
    while (const auto number = report()) last = *number;
    return last;
  }

 private:
  int stop() {
    int status = 0;
    kill(pid_, SIGKILL);
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

  pid_t pid_ = -1;
  int reports_ = -1;
};

TEST_CASE("a process killed while it writes has what it reported durable, and no half of a write") {
  const TemporaryDirectory directory;
  History history(31, History::Terms::count_writes);
  SplitMix64 random(32);
  for (int round = 0; round < 60; ++round) {
    Child child(directory.path(), history);
    std::uint64_t reported = history.number().value();
    for (auto reports = random.below(12); reports > 0; --reports) {
      const auto number = child.report();
      REQUIRE(number);
      reported = *number;
    }
    usleep(static_cast<useconds_t>(random.below(3'000)));  // somewhere within the next commits
    reported = child.kill_and_read(reported);
    const auto stored = reopen(directory.path());
    INFO("round " << round << ": reported " << reported << ", found "
                  << stored.hard_state.term.value());
    REQUIRE(stored.hard_state.term.value() >= reported);
    // The term counts the writes: the history up to there is what must be found.
    while (history.stored().hard_state.term < stored.hard_state.term) history.next();
    REQUIRE(same(stored, history.stored()));
  }
  CHECK(history.number().value() > 60);
}

TEST_CASE("a process killed while it makes its database leaves one, or none") {
  SplitMix64 random(33);
  const History history(34, History::Terms::count_writes);
  for (int round = 0; round < 40; ++round) {
    const TemporaryDirectory directory;
    Child child(directory.path(), history);
    usleep(static_cast<useconds_t>(random.below(30'000)));  // making it takes about as long
    const auto reported = child.kill_and_read(0);
    CHECK(reopen(directory.path()).hard_state.term.value() >= reported);
  }
}

}  // namespace
}  // namespace tandem::storage::kill_test
