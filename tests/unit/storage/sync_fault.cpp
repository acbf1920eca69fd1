#include "tests/unit/storage/sync_fault.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <string_view>

namespace {

using tandem::storage::SyncFault;

std::atomic<bool> failing = false;
std::atomic<SyncFault::Of> failing_of = SyncFault::Of::everything;
std::atomic<unsigned long> count = 0;

bool is_database(int fd) {
  std::string path(4096, '\0');
  const auto link = "/proc/self/fd/" + std::to_string(fd);
  const auto size = readlink(link.c_str(), path.data(), path.size());
  return size > 0 &&
         std::string_view(path.data(), static_cast<std::size_t>(size)).ends_with("/cluster.db");
}

int sync(long call, int fd) {
  ++count;
  if (failing && (failing_of == SyncFault::Of::everything || is_database(fd))) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(call, fd));
}

}  // namespace

extern "C" int fdatasync(int fd) { return sync(SYS_fdatasync, fd); }
extern "C" int fsync(int fd) { return sync(SYS_fsync, fd); }

namespace tandem::storage {

SyncFault::SyncFault(Of of) {
  failing_of = of;
  failing = true;
}

SyncFault::~SyncFault() { failing = false; }
unsigned long syncs() { return count; }

}  // namespace tandem::storage
