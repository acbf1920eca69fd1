// frozen_disk.cpp: loaded before the C library, it makes every sync wait while the file exists that
// TANDEM_FROZEN_DISK names: a disk whose controller hangs, for a test to freeze and to thaw.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace {

int sync_when_thawed(long call, int fd) {
  const char* frozen = std::getenv("TANDEM_FROZEN_DISK");
  while (frozen != nullptr && ::access(frozen, F_OK) == 0) ::usleep(1000);
  return static_cast<int>(::syscall(call, fd));
}

}  // namespace

extern "C" int fsync(int fd) { return sync_when_thawed(SYS_fsync, fd); }
extern "C" int fdatasync(int fd) { return sync_when_thawed(SYS_fdatasync, fd); }
