// small_disk.hpp: a disk of one and a half mebibytes (tmpfs) that can be filled and emptied under a
// running program.
//
// Only this thread and the processes that it starts see it, in their own mount namespace, so it is
// gone with them. Needs to be root. Owner: the test's thread.
#pragma once

#include <string>

namespace tandem::e2e {

class SmallDisk {
 public:
  // Creates `at`. If the disk cannot be mounted it prints the reason, once: skip the test then.
  explicit SmallDisk(std::string at);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  const std::string& path() const { return at_; }
  // Until nothing more fits.
  void fill() const;
  void make_room() const;
  // Files opened from now on can only be read, or can be written again. False when the system
  // refuses.
  bool set_read_only(bool read_only) const;

 private:
  std::string at_;
  bool mounted_ = false;
};

}  // namespace tandem::e2e
