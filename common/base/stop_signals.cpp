#include "common/base/stop_signals.hpp"

#include <signal.h>
#include <unistd.h>

namespace tandem {

namespace {
sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

sigset_t awaited_signals() {
  auto set = stop_signals();
  sigaddset(&set, SIGHUP);
  return set;
}
}  // namespace

StopSignals::StopSignals() {
  const auto set = awaited_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void StopSignals::wait(const std::function<void()>& on_hangup) {
  const auto awaited = awaited_signals();
  int received = 0;
  while (sigwait(&awaited, &received) != 0 || received == SIGHUP) {
    if (received == SIGHUP && on_hangup) on_hangup();
    received = 0;
  }
  // SIGHUP stays blocked: also a program that drains is not ended by it.
  const auto set = stop_signals();
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void StopSignals::request_stop() { kill(getpid(), SIGTERM); }

}  // namespace tandem
