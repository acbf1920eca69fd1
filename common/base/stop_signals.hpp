// stop_signals.hpp: SIGTERM and SIGINT as something to wait for, without a handler that runs
// anywhere. SIGHUP never ends a program that serves: one that has a log to reopen is told of it.
#pragma once

#include <functional>
#include <thread>

namespace tandem {

class StopSignals {
 public:
  // Keeps the signals from all threads that are started from now on. By main(), first of all.
  StopSignals();
  // Waits for SIGTERM or SIGINT. From then on the next one ends the process at once. `on_hangup` is
  // called, on this thread, for each SIGHUP before that; empty: SIGHUP means nothing.
  void wait(const std::function<void()>& on_hangup = {});
  // The next SIGTERM or SIGINT ends the process too, but only after `last_words`, which is called
  // on a thread of its own, for as long as this lives. By whom wait_for_two() returned.
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
  // As wait(), but that the next signal is for the SecondStop that is returned.
  SecondStop wait_for_two(const std::function<void()>& on_hangup, std::function<void()> last_words);
  // Lets wait() return as SIGTERM does. Any thread.
  static void request_stop();
};

}  // namespace tandem
