// loop_pulse.hpp: a sign of life that only all loops together can give.
//
// The loop that measures time calls turn(). In each round every other loop is asked, and the last
// one to answer gives the sign. A loop that hangs, or the one that measures time, ends the signs: a
// watchdog that is fed by a thread of its own would say nothing of them.
//
// Owner: whoever owns the loops; it outlives what they were asked.
#pragma once

#include <atomic>
#include <functional>

#include "common/base/time.hpp"

namespace tandem {

class LoopPulse {
 public:
  // `ask` has every loop call what it is given, once, soon, on its own thread, and returns true; or
  // false: they do not run. `alive` is called on the thread of one of them.
  using Ask = std::function<bool(const std::function<void()>& answer)>;
  LoopPulse(Duration interval, unsigned loops, Ask ask, std::function<void()> alive);

  // Begins a round, when the last one is complete and `interval` old. One thread.
  void turn(Instant now);

 private:
  const Duration interval_;
  const unsigned loops_;
  const Ask ask_;
  const std::function<void()> alive_;
  Instant begun_ = Instant::never();     // of the last round
  std::atomic<unsigned> unanswered_{0};  // in the round that is under way
};

}  // namespace tandem
