// ping_budget.hpp: how many PINGs a worker may be sent on one connection of HTTP/2.
//
// Servers of gRPC count those that come while they send no HEADERS and no DATA themselves: after
// three in five minutes another one ends the connection, and all calls with it
// (GOAWAY ENHANCE_YOUR_CALM, "too_many_pings"). So there are three since the worker's last answer,
// or part of one. Pure. Owner: the connection.
#pragma once

#include "master/forward/workers/limits.hpp"

namespace tandem::master {

class PingBudget {
 public:
  // The worker is quiet.
  bool may_ping() const { return count_ < limits::http2_pings_max; }
  // To learn that a reset was read: the last of them is kept for a worker that is quiet.
  bool may_ping_for_reset() const { return count_ + 1 < limits::http2_pings_max; }
  void note_ping() { ++count_; }
  // The worker has sent an answer, or a part of one: it counts anew. A PING that it has not
  // answered may come after that, for it.
  void note_answer(bool is_ping_unanswered) { count_ = is_ping_unanswered ? 1 : 0; }

 private:
  unsigned count_ = 0;  // since the worker's last answer
};

}  // namespace tandem::master
