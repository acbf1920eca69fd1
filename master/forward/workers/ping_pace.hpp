// ping_pace.hpp: how often a worker may be sent a PING on one connection of HTTP/2.
//
// Servers of gRPC count those that come while they send no HEADERS and no DATA themselves: after
// three in five minutes another one ends the connection, and all calls with it
// (GOAWAY ENHANCE_YOUR_CALM, "too_many_pings"). So there are three, each four times as long after
// the one before, then one in more than five minutes. From then on TCP's keep-alive notices a host
// that is gone. Pure. Owner: the connection.
#pragma once

#include "common/base/time.hpp"
#include "master/forward/workers/limits.hpp"

namespace tandem::master {

class PingPace {
 public:
  // `first`: between the first two.
  explicit PingPace(Duration first) : first_(first), pause_(first * factor) {}

  // The worker is quiet.
  bool may_ping(Instant at) const { return count_ == 0 || at >= next_; }
  // To learn that a reset was read: the last of them is kept for a worker that is quiet.
  bool may_ping_for_reset() const { return count_ + 1 < limits::http2_pings_max; }
  void note_ping(Instant at) {
    ++count_;
    const bool is_last = count_ >= limits::http2_pings_max;
    next_ = at + (is_last ? Duration(limits::http2_ping_pause) : pause_);
    if (!is_last) pause_ *= factor;
  }
  // The worker has sent an answer, or a part of one: it counts anew.
  void note_answer() {
    if (count_ == 0) return;
    count_ = 0;
    pause_ = first_ * factor;
  }

 private:
  static constexpr int factor = 4;

  const Duration first_;
  Duration pause_;      // after the next one
  Instant next_;        // when another is due
  unsigned count_ = 0;  // since the worker's last answer
};

}  // namespace tandem::master
