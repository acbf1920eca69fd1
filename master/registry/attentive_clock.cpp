#include "master/registry/attentive_clock.hpp"

#include "common/base/assert.hpp"

namespace tandem::master {

AttentiveClock::AttentiveClock(Duration tick_interval) : tick_interval_(tick_interval) {
  TANDEM_ASSERT(tick_interval > Duration::zero());
}

Instant AttentiveClock::at(Instant now) {
  if (last_input_ != Instant::never()) {
    TANDEM_ASSERT(now >= last_input_);
    const auto gap = now - last_input_;
    if (gap > 2 * tick_interval_) stalled_ += gap - tick_interval_;
  }
  last_input_ = now;
  return now - stalled_;
}

Instant AttentiveClock::tick(Instant now) {
  auto attentive = at(now);
  if (last_tick_ != Instant::never()) {
    const auto planned = last_tick_ + tick_interval_;
    const auto late = attentive - planned;
    if (late > tick_interval_) {
      stalled_ += late;
      attentive = planned;
    }
  }
  last_tick_ = attentive;
  return attentive;
}

}  // namespace tandem::master
