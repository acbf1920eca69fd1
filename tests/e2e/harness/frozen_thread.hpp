// frozen_thread.hpp: one thread of a process stands still while this lives, and its others go on.
//
// The kernel stops it for us as for a debugger. Owner: the thread that started the process.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/e2e/harness/process.hpp"

namespace tandem::e2e {

class FrozenThread {
 public:
  // Throws when there is no thread of that name.
  FrozenThread(const Process& process, const std::string& name);
  ~FrozenThread();  // it goes on
  FrozenThread(const FrozenThread&) = delete;
  FrozenThread& operator=(const FrozenThread&) = delete;

 private:
  pid_t thread_ = -1;
};

}  // namespace tandem::e2e
