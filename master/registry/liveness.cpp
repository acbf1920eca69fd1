#include "master/registry/liveness.hpp"

#include "common/base/assert.hpp"
#include "common/wire/limits.hpp"

namespace tandem::master {

Liveness Liveness::heard(Instant now) {
  Liveness liveness;
  liveness.last_good_ = now;
  return liveness;
}

Liveness Liveness::unproven(Instant now) {
  Liveness liveness;
  liveness.down_ = true;
  liveness.down_since_ = now;
  return liveness;
}

void Liveness::good_sign(Instant now) {
  last_good_ = now;
  down_ = false;
}

bool Liveness::is_silent(Instant now, Duration heartbeat_interval) const {
  TANDEM_ASSERT(last_good_ != Instant::never());
  return now - last_good_ > limits::missed_heartbeats_max * heartbeat_interval;
}

void Liveness::expire(Instant now) {
  TANDEM_ASSERT(!down_);
  down_ = true;
  down_since_ = now;
}

Instant Liveness::down_since() const {
  TANDEM_ASSERT(down_);
  return down_since_;
}

}  // namespace tandem::master
