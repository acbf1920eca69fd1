// Small files that are replaced whole, whichever call of it fails; and kept in spite of a disk that
// refuses, or hangs.
#include "common/storage/kept_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <mutex>

#include <catch2/catch.hpp>

#include "common/base/small_file.hpp"
#include "tests/unit/master/temporary_directory.hpp"
#include "tests/unit/storage/disk_fault.hpp"
#include "tests/unit/storage/stored.hpp"

namespace tandem::storage::kept_file_test {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using namespace std::chrono_literals;

std::string content_of(const std::string& file) {
  const auto read = read_small_file(file, 100'000);
  return read ? *read : "(" + read.error().message + ")";
}

// What its file's thread says.
class News {
 public:
  KeptFile::News hook() {
    return [this](const std::string& failure) {
      const std::lock_guard lock(mutex_);
      failures_.push_back(failure);
      changed_.notify_all();
    };
  }
  bool await(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return failures_.size() >= count; });
  }
  std::vector<std::string> all() {
    const std::lock_guard lock(mutex_);
    return failures_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> failures_;
};

TEST_CASE("whichever call fails, a file is as it was or as it is to be") {
  const std::string before(5'000, 'a'), after(9'000, 'b');
  for (const int error : {ENOSPC, EIO, EROFS, EDQUOT, EMFILE}) {
    std::uint64_t calls = 0;
    for (std::uint64_t number = 1; number == 1 || number <= calls; ++number) {
      CAPTURE(number, error);
      const TemporaryDirectory directory(TemporaryDirectory::Where::in_memory);
      const auto file = directory.path() / "kept";
      const auto draft = file.string() + ".new";
      REQUIRE(replace_file(file, before, draft));
      {
        DiskFault fault({.below = directory.path(), .number = number, .error = error});
        const auto replaced = replace_file(file, after, draft);
        CHECK(replaced.ok() == !fault.has_struck());
        if (!replaced) {
          CHECK(replaced.error().code == ErrorCode::io);
          CHECK_THAT(replaced.error().message, Contains("cannot write " + file.string()));
        }
        calls = std::max(calls, fault.calls());
      }
      const auto content = content_of(file);
      CHECK((content == before || content == after));
      CHECK(replace_file(file, after, draft));
      CHECK(content_of(file) == after);
      CHECK(!fs::exists(draft));
    }
    CHECK(calls >= 6);
  }
}

TEST_CASE("a disk that takes a half of each write gets the whole file") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "kept";
  const std::string content(9'000, 'b');
  DiskFault fault({.below = directory.path(), .lasts = true, .form = DiskFault::Form::short_write});
  CHECK(replace_file(file, content, file.string() + ".new"));
  CHECK(fault.has_struck());
  CHECK(content_of(file) == content);
}

TEST_CASE("a file that is replaced is its owner's alone, and is written through no link") {
  const TemporaryDirectory directory;
  const auto file = (directory.path() / "kept").string();
  const auto other = (directory.path() / "other").string();
  std::ofstream(other) << "untouched";
  fs::create_symlink(other, file + ".new");
  REQUIRE(replace_file(file, "content", file + ".new"));
  CHECK(content_of(other) == "untouched");
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("what is no small file is not read, and holds nobody up") {
  const TemporaryDirectory directory;
  const auto fifo = (directory.path() / "fifo").string();
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const auto& path : {fifo, directory.path().string(), std::string("/dev/zero")}) {
    const auto read = read_small_file(path, 100);
    REQUIRE(!read);
    CHECK(read.error().code == ErrorCode::invalid);
    CHECK(read.error().message == "is not a regular file");
  }
  const auto file = (directory.path() / "file").string();
  CHECK(read_small_file(file, 100).error().code == ErrorCode::not_found);
  std::ofstream(file) << std::string(100, 'x');
  CHECK(content_of(file).size() == 100);
  CHECK(read_small_file(file, 100).ok());
  CHECK(read_small_file(file, 99).error().message == "is longer than 99 bytes");
  const DiskFault fault({.below = directory.path(), .lasts = true, .error = EMFILE});
  CHECK(read_small_file(file, 100).error().code == ErrorCode::io);
}

TEST_CASE("a file is kept as soon as the disk takes it, and its owner is told once") {
  const TemporaryDirectory directory;
  const auto path = (directory.path() / "kept").string();
  News news;
  {
    KeptFile file(path, news.hook(), 1ms);
    DiskFault fault({.below = directory.path(), .lasts = true, .error = EROFS});
    file.keep("first");
    REQUIRE(news.await(1));
    const auto before = fault.calls();
    while (fault.calls() < before + 20) std::this_thread::yield();  // it is tried again
    file.keep("second");
    fault.lift();
    REQUIRE(news.await(2));
  }
  CHECK(content_of(path) == "second");
  REQUIRE(news.all().size() == 2);
  CHECK_THAT(news.all()[0], Contains("Read-only file system"));
  CHECK(news.all()[1].empty());
}

TEST_CASE("keeping a file does not wait for a disk that hangs, and the latest content counts") {
  const TemporaryDirectory directory;
  const auto path = (directory.path() / "kept").string();
  News news;
  {
    KeptFile file(path, news.hook());
    DiskFault fault({.below = directory.path(), .form = DiskFault::Form::hang});
    file.keep("first");
    while (!fault.has_struck()) std::this_thread::yield();
    file.keep("second");
    file.keep("third");
  }  // lifts the fault, then waits for the file
  CHECK(content_of(path) == "third");
  CHECK(news.all().empty());
}

}  // namespace
}  // namespace tandem::storage::kept_file_test
