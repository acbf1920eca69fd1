#include "tests/e2e/harness/wait.hpp"

#include <thread>

namespace tandem::e2e {

bool eventually(const std::function<bool()>& condition, Milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  for (;;) {
    if (condition()) return true;
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(5ms);
  }
}

}  // namespace tandem::e2e
