// stop_signals.hpp: SIGTERM and SIGINT as something to wait for, without a handler that runs
// anywhere. SIGHUP never ends a program that serves: one that has a log to reopen is told of it.
#pragma once

#include <functional>

namespace tandem {

class StopSignals {
 public:
  // Keeps the signals from all threads that are started from now on. By main(), first of all.
  StopSignals();
  // Waits for SIGTERM or SIGINT. From then on the next one ends the process at once. `on_hangup` is
  // called, on this thread, for each SIGHUP before that; empty: SIGHUP means nothing.
  void wait(const std::function<void()>& on_hangup = {});
  // Lets wait() return as SIGTERM does. Any thread.
  static void request_stop();
};

}  // namespace tandem
