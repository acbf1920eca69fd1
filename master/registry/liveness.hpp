// liveness.hpp: whether a worker is alive: down after limits::missed_heartbeats_max silent
// intervals, up again with the next good sign.
//
// Heartbeats are judged by time, probes by count (health_check.hpp): a probe that this master was
// too busy to send says nothing about the backend.
//
// Units: Instants of attentive time. Owner: the registry.
#pragma once

#include "common/base/time.hpp"

namespace tandem::master {

class Liveness {
 public:
  // A worker that has just sent a heartbeat.
  static Liveness heard(Instant now);
  // A backend that was never probed: down until the first good probe.
  static Liveness unproven(Instant now);

  // A heartbeat or a good probe.
  void good_sign(Instant now);

  // True when it has missed its heartbeats, whether or not it was marked down.
  bool is_silent(Instant now, Duration heartbeat_interval) const;

  // Marks it down, because of its silence or its probes. REQUIRES: !down()
  void expire(Instant now);

  bool down() const { return down_; }
  // REQUIRES: down()
  Instant down_since() const;
  // Instant::never() for a backend that was never proven.
  Instant last_good() const { return last_good_; }

 private:
  Instant last_good_ = Instant::never();
  Instant down_since_ = Instant::never();
  bool down_ = false;
};

}  // namespace tandem::master
