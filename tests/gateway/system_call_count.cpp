#include "system_call_count.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <new>

namespace tandem::test {

namespace fs = std::filesystem;

struct SystemCallCount::Shared {
  std::atomic<int> state{
      0};  // 0: the tracer may not begin yet; 1: it may; 2: it counts; 3: refused
  std::array<std::atomic<unsigned>, numbers> counts{};
};

std::optional<pid_t> thread_named(const std::string& name) {
  for (const auto& entry : fs::directory_iterator("/proc/self/task")) {
    std::string comm;
    std::getline(std::ifstream(entry.path() / "comm"), comm);
    if (comm != name) continue;
    const auto number = entry.path().filename().string();
    pid_t thread = 0;
    std::from_chars(number.data(), number.data() + number.size(), thread);
    return thread;
  }
  return std::nullopt;
}

namespace {

bool waits_for(pid_t thread, int& status) {
  return ::waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status);
}

// In the child of a program with threads: system calls alone.
template <class Shared>
[[noreturn]] void trace(pid_t thread, Shared& shared) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  while (shared.state == 0) ::usleep(100);
  int status = 0;
  if (::ptrace(PTRACE_SEIZE, thread, nullptr, PTRACE_O_TRACESYSGOOD) != 0 ||
      ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) != 0 || !waits_for(thread, status) ||
      ::ptrace(PTRACE_SYSCALL, thread, nullptr, nullptr) != 0) {
    shared.state = 3;
    ::_exit(0);
  }
  shared.state = 2;
  while (waits_for(thread, status)) {
    const bool at_system_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
    if (at_system_call) {
      __ptrace_syscall_info info{};
      ::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info);
      if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr < shared.counts.size()) {
        ++shared.counts[info.entry.nr];
      }
    }
    const bool is_signal = !at_system_call && (status >> 16) == 0;
    const long signal = is_signal ? WSTOPSIG(status) : 0;
    if (::ptrace(PTRACE_SYSCALL, thread, nullptr, signal) != 0) break;
  }
  ::_exit(0);
}

}  // namespace

std::unique_ptr<SystemCallCount> SystemCallCount::of(pid_t thread) {
  void* const page =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  auto* const shared = new (page) Shared;
  const pid_t tracer = ::fork();
  if (tracer == 0) trace(thread, *shared);
  std::unique_ptr<SystemCallCount> count(new SystemCallCount(shared, tracer));
  if (tracer < 0) return nullptr;
  ::prctl(PR_SET_PTRACER, tracer);
  shared->state = 1;
  while (shared->state == 1) ::usleep(100);
  return shared->state == 2 ? std::move(count) : nullptr;
}

// The thread goes on when its tracer is gone.
SystemCallCount::~SystemCallCount() {
  if (tracer_ > 0) {
    ::kill(tracer_, SIGKILL);
    ::waitpid(tracer_, nullptr, 0);
  }
  ::munmap(shared_, sizeof(Shared));
}

SystemCallCount::Counts SystemCallCount::so_far() const {
  Counts counts{};
  for (std::size_t i = 0; i < numbers; ++i) counts[i] = shared_->counts[i];
  return counts;
}

}  // namespace tandem::test
