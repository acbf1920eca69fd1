#include "tests/e2e/harness/small_disk.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <catch2/catch.hpp>

namespace tandem::e2e {

namespace {

// What is mounted from now on is seen by nobody else.
bool has_own_mounts() {
  static thread_local const bool own =
      ::unshare(CLONE_NEWNS) == 0 &&
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return own;
}

}  // namespace

SmallDisk::SmallDisk(std::string at) : at_(std::move(at)) {
  std::filesystem::create_directories(at_);
  mounted_ = has_own_mounts() && ::mount("none", at_.c_str(), "tmpfs", 0, "size=1536k") == 0;
  if (!mounted_) WARN("skipped: a small disk cannot be mounted: " << std::strerror(errno));
}

SmallDisk::~SmallDisk() {
  if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
}

void SmallDisk::fill() const {
  const int file =
      ::open((at_ + "/filler").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  REQUIRE(file >= 0);
  const std::string block(4096, 'x');
  while (::write(file, block.data(), block.size()) > 0) {
  }
  ::close(file);
}

bool SmallDisk::set_read_only(bool read_only) const {
  if (!read_only) return ::umount2(at_.c_str(), MNT_DETACH) == 0;
  constexpr unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY;
  return ::mount(at_.c_str(), at_.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
         ::mount(nullptr, at_.c_str(), nullptr, flags, nullptr) == 0;
}

void SmallDisk::make_room() const { std::filesystem::remove(at_ + "/filler"); }

}  // namespace tandem::e2e
