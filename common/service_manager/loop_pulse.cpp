#include "common/service_manager/loop_pulse.hpp"

#include <utility>

#include "common/base/assert.hpp"

namespace tandem {

LoopPulse::LoopPulse(Duration interval, unsigned loops, Ask ask, std::function<void()> alive)
    : interval_(interval), loops_(loops), ask_(std::move(ask)), alive_(std::move(alive)) {
  TANDEM_ASSERT(loops_ > 0 && interval_ > Duration::zero());
}

void LoopPulse::turn(Instant now) {
  if (unanswered_.load(std::memory_order_acquire) > 0) return;
  if (begun_ != Instant::never() && now < begun_ + interval_) return;
  unanswered_.store(loops_, std::memory_order_release);
  const bool asked = ask_([this] {
    if (unanswered_.fetch_sub(1, std::memory_order_acq_rel) == 1) alive_();
  });
  if (!asked) unanswered_.store(0, std::memory_order_release);
  if (asked) begun_ = now;
}

}  // namespace tandem
