#include "tests/e2e/harness/frozen_thread.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace tandem::e2e {

FrozenThread::FrozenThread(const Process& process, const std::string& name) {
  const auto threads = "/proc/" + std::to_string(process.pid()) + "/task";
  for (const auto& thread : std::filesystem::directory_iterator(threads)) {
    if (read_file(thread.path() / "comm") != name + "\n") continue;
    thread_ = std::stoi(thread.path().filename());
    break;
  }
  if (thread_ < 0) throw std::runtime_error("no thread is named " + name);
  if (::ptrace(PTRACE_SEIZE, thread_, nullptr, nullptr) != 0 ||
      ::ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr) != 0 ||
      ::waitpid(thread_, nullptr, __WALL) != thread_) {
    throw std::runtime_error("cannot stop " + name + ": " + std::strerror(errno));
  }
}

FrozenThread::~FrozenThread() { ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr); }

}  // namespace tandem::e2e
