// locked_directory.hpp: a directory that one running process has for itself (--data-dir,
// --state-dir).
//
// Two processes on one directory would overwrite what the other must not forget. So it is locked
// (flock on its file `lock`) as long as this object lives, and the kernel frees the lock when the
// process ends, however it ends.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

class LockedDirectory {
 public:
  // Creates the directory and its parents when they are missing, keeps others out of it
  // (private_directory.hpp), and locks it. `field`: how the user names it, in sentences; `user`:
  // what kind of process it is for.
  // Errors: `conflict` when another process has it; `io`, in one sentence, for all that the system
  // refuses.
  static Result<LockedDirectory> open(std::string_view path, std::string_view field,
                                      std::string_view user);

  LockedDirectory(LockedDirectory&& other) noexcept;
  LockedDirectory& operator=(LockedDirectory&& other) noexcept;
  ~LockedDirectory();

 private:
  explicit LockedDirectory(int lock) : lock_(lock) {}

  int lock_ = -1;  // the open lock file; closing it unlocks
};

}  // namespace tandem
