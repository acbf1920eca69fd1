// stop_signals.hpp: waiting for SIGTERM and SIGINT without signal handlers. SIGHUP never ends a
// program that serves; it makes one with a log file reopen it. SIGUSR2 asks a program that can for
// an upgrade.
#pragma once

#include <functional>
#include <thread>

namespace tandem {

class StopSignals {
 public:
  // Blocks the signals in all threads that are started from now on. Called by main(), first of all.
  // `on_upgrade` is called for each SIGUSR2 while one of the others is waited for, on the thread
  // that waits; empty: SIGUSR2 does what it does by default.
  explicit StopSignals(std::function<void()> on_upgrade = {});
  // Waits for SIGTERM or SIGINT. From then on the next one ends the process at once. `on_hangup` is
  // called, on this thread, for each SIGHUP before that; if it is empty, SIGHUP is ignored.
  void wait(const std::function<void()>& on_hangup = {});
  // While this lives, the next SIGTERM or SIGINT also ends the process, but first calls
  // `last_words` on a thread of its own. Returned by wait_for_two().
  class SecondStop {
   public:
    explicit SecondStop(std::function<void()> last_words);
    ~SecondStop();
    SecondStop(const SecondStop&) = delete;
    SecondStop& operator=(const SecondStop&) = delete;

   private:
    const int signals_;  // a signalfd
    const int ended_;    // an eventfd
    std::thread thread_;
  };
  // As wait(), except that the next signal is handled by the SecondStop that is returned.
  SecondStop wait_for_two(const std::function<void()>& on_hangup, std::function<void()> last_words);
  // Makes wait() return, as SIGTERM does. Any thread.
  static void request_stop();

 private:
  void wait_for_first(const std::function<void()>& on_hangup) const;

  const std::function<void()> on_upgrade_;
};

}  // namespace tandem
