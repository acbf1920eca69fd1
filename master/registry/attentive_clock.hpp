// attentive_clock.hpp: the time during which this master could have heard its workers.
//
// A master that was frozen (SIGSTOP, a suspended machine, a starved processor) has heard nothing
// for a while, which says nothing about the workers: by the wall clock they would all be dead at
// once. So deadlines are kept in attentive time, which stands still while the master stalls; this
// shifts every deadline by the length of the stall.
//
// Units: both sides are Instants, attentive time lagging by the sum of all stalls. Owner: the
// registry. Always: between two ticks, attentive time grows by less than two and a half tick
// intervals.
#pragma once

#include "common/base/time.hpp"

namespace tandem::master {

class AttentiveClock {
 public:
  // `tick_interval`: how often tick() is going to be called. REQUIRES: above zero.
  explicit AttentiveClock(Duration tick_interval);

  // The attentive time at `now`, for inputs of every kind. A gap of more than two tick intervals
  // since the last input was a stall. REQUIRES: `now` never goes back.
  Instant at(Instant now);

  // The same for the periodic tick. A late tick is a stall too, even if other inputs were handled
  // meanwhile, because more of them may still be queued.
  Instant tick(Instant now);

  // How often tick() is going to be called from now on. REQUIRES: above zero.
  void set_tick_interval(Duration tick_interval) { tick_interval_ = tick_interval; }

  // How long this master has stalled since it started.
  Duration stalled() const { return stalled_; }

 private:
  Duration tick_interval_;
  Duration stalled_{0};
  Instant last_input_ = Instant::never();
  Instant last_tick_ = Instant::never();  // in attentive time
};

}  // namespace tandem::master
