// locked_directory.hpp: a directory that one running process has to itself (--data-dir,
// --state-dir).
//
// Two processes in one directory would overwrite each other's durable state. So the directory is
// locked (flock on its file `lock`) while this object lives; the kernel releases the lock when the
// process ends, however it ends.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem {

class LockedDirectory {
 public:
  // Creates the directory and its parents when they are missing, keeps others out of it
  // (private_directory.hpp), and locks it. `field`: the flag, for error messages; `user`: the kind
  // of process it is for. Errors: `conflict` when another process has it; `io`, in one sentence,
  // when the system refuses something.
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
