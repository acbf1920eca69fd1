#include "common/core/progress.hpp"

#include <algorithm>

#include "common/base/assert.hpp"

namespace tandem::core {

void Progress::accepted(const AppendReply& reply) {
  TANDEM_ASSERT(reply.accepted);
  match = std::max(match, reply.match);
  next = std::max(next, match.next());
  in_flight = in_flight > 0 ? in_flight - 1 : 0;
  probing = false;
  TANDEM_ASSERT(match < next);
}

bool Progress::refused(const AppendReply& reply) {
  TANDEM_ASSERT(!reply.accepted);
  if (reply.rejected <= match || reply.rejected >= next)
    return false;  // answered since, or already gone back
  const LogIndex from = std::min(reply.match, LogIndex(reply.rejected.value() - 1));
  next = std::max(match.next(), from.next());
  in_flight = 0;
  probing = true;
  TANDEM_ASSERT(match < next);
  return true;
}

void Progress::diverged() {
  match = LogIndex(0);
  needs_snapshot = true;
  discard_log = true;
  restart();
}

void Progress::restart() {
  next = match.next();
  in_flight = 0;
  probing = true;
  TANDEM_ASSERT(match < next);
}

}  // namespace tandem::core
