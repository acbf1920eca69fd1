// stop_signals.hpp: SIGTERM and SIGINT as something to wait for, without a handler that runs
// anywhere.
#pragma once

namespace tandem {

class StopSignals {
 public:
  // Keeps both signals from all threads that are started from now on. By main(), first of all.
  StopSignals();
  // Waits for one. From then on the next one ends the process at once.
  void wait();
};

}  // namespace tandem
