#include "common/base/stop_signals.hpp"

#include <signal.h>
#include <unistd.h>

#include "common/base/assert.hpp"

namespace tandem {

namespace {
sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}
}  // namespace

StopSignals::StopSignals(Hangup hangup) : hangup_(hangup) {
  auto set = stop_signals();
  if (hangup_ == Hangup::is_told) sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void StopSignals::wait(const std::function<void()>& on_hangup) {
  TANDEM_ASSERT((hangup_ == Hangup::is_told) == (on_hangup != nullptr));
  const auto set = stop_signals();
  auto awaited = set;
  if (hangup_ == Hangup::is_told) sigaddset(&awaited, SIGHUP);
  int received = 0;
  while (sigwait(&awaited, &received) != 0 || received == SIGHUP) {
    if (received == SIGHUP) on_hangup();
    received = 0;
  }
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void StopSignals::request_stop() { kill(getpid(), SIGTERM); }

}  // namespace tandem
