// How much memory a process may use: by files as Linux has them.
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/base/memory_size.hpp"

namespace tandem::memory_size_test {
namespace {

constexpr std::uint64_t gib = 1024 * 1024 * 1024;

// A root with /proc and /sys in it.
class Root {
 public:
  Root() {
    char name[] = "/tmp/tandem-memory-XXXXXX";
    path_ = mkdtemp(name);
    put("/proc/meminfo", "MemTotal:        8388608 kB\nMemFree:          100 kB\n");
  }
  ~Root() { std::filesystem::remove_all(path_); }

  void put(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + file).parent_path());
    std::ofstream(path_ + file) << text;
  }
  std::uint64_t memory() const { return usable_memory(path_); }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("without control groups the machine's memory counts") {
  const Root root;
  CHECK(root.memory() == 8 * gib);
  CHECK(usable_memory() > 0);
}

TEST_CASE("the least that a control group of version 2 or one above it allows counts") {
  const Root root;
  root.put("/proc/self/cgroup", "0::/system.slice/tandem.service\n");
  root.put("/sys/fs/cgroup/system.slice/tandem.service/memory.max", "max\n");
  CHECK(root.memory() == 8 * gib);
  root.put("/sys/fs/cgroup/system.slice/memory.max", "2147483648\n");
  CHECK(root.memory() == 2 * gib);
  root.put("/sys/fs/cgroup/system.slice/tandem.service/memory.max", "1073741824\n");
  CHECK(root.memory() == gib);
}

TEST_CASE("in a container the group's own directory is the root of all") {
  const Root root;
  root.put("/proc/self/cgroup", "0::/../../docker/abc\n");
  root.put("/sys/fs/cgroup/memory.max", "1073741824\n");
  CHECK(root.memory() == gib);
}

TEST_CASE("control groups of version 1 count by their controller of memory") {
  const Root root;
  root.put("/proc/self/cgroup", "12:cpu,cpuacct:/a\n5:hugetlb,memory:/docker/abc\n0::/b\n");
  root.put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(root.memory() == 8 * gib);
  root.put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "3221225472\n");
  CHECK(root.memory() == 3 * gib);
}

TEST_CASE("a group that allows more than the machine has changes nothing") {
  const Root root;
  root.put("/proc/self/cgroup", "0::/\n");
  root.put("/sys/fs/cgroup/memory.max", "1099511627776\n");
  CHECK(root.memory() == 8 * gib);
}

TEST_CASE("what the limits of the process leave counts, and is never told as nothing known") {
  const Root root;
  root.put("/proc/self/statm", "1000 300 200 50 0 400 0\n");
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  for (const auto& [resource, used] :
       {std::pair(RLIMIT_AS, 1000 * page), std::pair(RLIMIT_DATA, 400 * page)}) {
    rlimit before{};
    REQUIRE(getrlimit(resource, &before) == 0);
    const rlimit lower{2 * gib, before.rlim_max};
    REQUIRE(setrlimit(resource, &lower) == 0);
    CHECK(root.memory() == (2 * gib - used) / 3 * 2);
    root.put("/proc/self/statm", "9999999 300 200 50 0 9999999 0\n");
    CHECK(root.memory() == 1024 * 1024);
    root.put("/proc/self/statm", "1000 300 200 50 0 400 0\n");
    REQUIRE(setrlimit(resource, &before) == 0);
    CHECK(root.memory() == 8 * gib);
  }
}

TEST_CASE("what is unknown is 0") { CHECK(usable_memory("/tmp/there-is-no-such-root") == 0); }

}  // namespace tandem::memory_size_test
