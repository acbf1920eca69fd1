#include "master/registry/suspicion.hpp"

#include <algorithm>

#include "common/base/assert.hpp"
#include "master/registry/limits.hpp"

namespace tandem::master {

namespace {
// After this time without suspicion, a worker's past is forgiven.
constexpr Duration calm = 2 * Duration(limits::suspicion_max);
}  // namespace

Suspicion::Suspicion(Duration first_hold)
    : first_hold_(std::min<Duration>(first_hold, limits::suspicion_max)) {
  TANDEM_ASSERT(first_hold_ > Duration::zero());
}

bool Suspicion::raise(Instant now, std::uint64_t answered) {
  if (active_) return false;
  const bool soon_again =
      ended_ != Instant::never() && now - ended_ < calm && answered == answered_;
  hold_ = soon_again ? std::min<Duration>(2 * hold_, limits::suspicion_max) : first_hold_;
  until_ = now + hold_;
  active_ = true;
  return true;
}

bool Suspicion::good_sign(Instant now, std::uint64_t answered) {
  if (!active_ || now <= until_) return false;
  active_ = false;
  ended_ = now;
  answered_ = answered;
  return true;
}

}  // namespace tandem::master
