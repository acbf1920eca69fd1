// system_call_count.hpp: counts the system calls of one thread of this process, seen from a child
// process that traces it.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

namespace tandem::test {

// The thread of this process that has that name.
std::optional<pid_t> thread_named(const std::string& name);

class SystemCallCount {
 public:
  static constexpr std::size_t numbers = 512;  // of Linux there are fewer

  // Counts from now on until the end of this object's life. Nothing where tracing is not permitted.
  static std::unique_ptr<SystemCallCount> of(pid_t thread);
  ~SystemCallCount();
  SystemCallCount(const SystemCallCount&) = delete;
  SystemCallCount& operator=(const SystemCallCount&) = delete;

  using Counts = std::array<unsigned, numbers>;  // by number, as <sys/syscall.h> has it
  Counts so_far() const;

 private:
  struct Shared;
  SystemCallCount(Shared* shared, pid_t tracer) : shared_(shared), tracer_(tracer) {}

  Shared* const shared_;
  const pid_t tracer_;
};

}  // namespace tandem::test
