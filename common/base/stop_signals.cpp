#include "common/base/stop_signals.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

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

sigset_t awaited_signals(bool with_upgrades) {
  auto set = stop_signals();
  sigaddset(&set, SIGHUP);
  if (with_upgrades) sigaddset(&set, SIGUSR2);
  return set;
}

// SIGHUP and SIGUSR2 stay blocked, so that they do not end a program that drains either.
void stop_by_default() {
  const auto set = stop_signals();
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace

StopSignals::StopSignals(std::function<void()> on_upgrade) : on_upgrade_(std::move(on_upgrade)) {
  const auto set = awaited_signals(on_upgrade_ != nullptr);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void StopSignals::wait_for_first(const std::function<void()>& on_hangup) const {
  const auto awaited = awaited_signals(on_upgrade_ != nullptr);
  for (;;) {
    int received = 0;
    if (sigwait(&awaited, &received) != 0) continue;
    if (received != SIGHUP && received != SIGUSR2) return;
    const auto& handler = received == SIGHUP ? on_hangup : on_upgrade_;
    if (handler) handler();
  }
}

void StopSignals::wait(const std::function<void()>& on_hangup) {
  wait_for_first(on_hangup);
  stop_by_default();
}

StopSignals::SecondStop StopSignals::wait_for_two(const std::function<void()>& on_hangup,
                                                  std::function<void()> last_words) {
  wait_for_first(on_hangup);
  return SecondStop(std::move(last_words));
}

StopSignals::SecondStop::SecondStop(std::function<void()> last_words)
    : signals_([] {
        const auto set = stop_signals();
        return ::signalfd(-1, &set, SFD_CLOEXEC);
      }()),
      ended_(::eventfd(0, EFD_CLOEXEC)) {
  TANDEM_ASSERT(signals_ >= 0 && ended_ >= 0);
  thread_ = std::thread([this, last_words = std::move(last_words)] {
    pollfd waits[] = {{signals_, POLLIN, 0}, {ended_, POLLIN, 0}};
    while (::poll(waits, 2, -1) < 0) {
    }
    if (waits[0].revents == 0) return;
    signalfd_siginfo received{};
    if (::read(signals_, &received, sizeof received) != sizeof received) return;
    last_words();
    stop_by_default();
    ::raise(static_cast<int>(received.ssi_signo));
  });
}

StopSignals::SecondStop::~SecondStop() {
  ::eventfd_write(ended_, 1);
  thread_.join();
  ::close(signals_);
  ::close(ended_);
  stop_by_default();
}

void StopSignals::request_stop() { kill(getpid(), SIGTERM); }

}  // namespace tandem
