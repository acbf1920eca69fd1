// small_disk.hpp: a disk of a mebibyte and a half of its own (tmpfs), that can be filled and
// emptied under a running program.
//
// It is seen by this thread and the processes that it starts, in a mount namespace of theirs, and
// so is gone with them. Needs to be root. Owner: the test's thread.
#pragma once

#include <string>

namespace tandem::e2e {

class SmallDisk {
 public:
  // `at` is made. Says why not, once, when it cannot be mounted: skip the test then.
  explicit SmallDisk(std::string at);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  const std::string& path() const { return at_; }
  // Until nothing more fits.
  void fill() const;
  void make_room() const;
  // Whoever opens something of it from now on can only read it, or can write it again. False when
  // the system refuses.
  bool set_read_only(bool read_only) const;

 private:
  std::string at_;
  bool mounted_ = false;
};

}  // namespace tandem::e2e
