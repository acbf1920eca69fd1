// stop_signals.hpp: SIGTERM and SIGINT as something to wait for, without a handler that runs
// anywhere; SIGHUP too for a program that does something about it.
#pragma once

#include <functional>

namespace tandem {

class StopSignals {
 public:
  enum class Hangup {
    ends_the_program,  // as the system has it
    is_told,           // to wait()
  };

  // Keeps the signals from all threads that are started from now on. By main(), first of all.
  explicit StopSignals(Hangup hangup = Hangup::ends_the_program);
  // Waits for SIGTERM or SIGINT. From then on the next one ends the process at once. `on_hangup` is
  // called, on this thread, for each SIGHUP before that. REQUIRES: on_hangup with Hangup::is_told.
  void wait(const std::function<void()>& on_hangup = {});
  // Lets wait() return as SIGTERM does. Any thread.
  static void request_stop();

 private:
  Hangup hangup_;
};

}  // namespace tandem
