// suspicion.hpp: a worker that refused a connection gets no traffic until it gives a good sign.
//
// A heartbeat can be on its way when the worker dies, so a suspicion lasts a minimum time, and only
// a sign that arrives after that counts. A worker that heartbeats but refuses connections would
// flap between up and suspect and cost a failed attempt each time, so each suspicion that soon
// follows another lasts twice as long, up to limits::suspicion_max, unless the worker has answered
// a request in between.
//
// Units: Instants of attentive time. Owner: the registry.
#pragma once

#include <cstdint>

#include "common/base/time.hpp"

namespace tandem::master {

class Suspicion {
 public:
  // `first_hold`: how long the first suspicion lasts at least; above zero.
  explicit Suspicion(Duration first_hold);

  // A failure was seen. `answered`: how many requests the worker has answered so far. Returns true
  // when this begins a suspicion, false during one.
  bool raise(Instant now, std::uint64_t answered);

  // A heartbeat or a good probe arrived. Returns true when this ends a suspicion.
  bool good_sign(Instant now, std::uint64_t answered);

  bool active() const { return active_; }
  // How long the current or the last suspicion lasts at least; zero before the first.
  Duration hold() const { return hold_; }

 private:
  Duration first_hold_;
  Duration hold_{0};
  Instant until_ = Instant::never();
  Instant ended_ = Instant::never();
  std::uint64_t answered_ = 0;  // when it ended
  bool active_ = false;
};

}  // namespace tandem::master
