// worker_fence.hpp: a worker's side of R10: it serves no primary older than the newest that it has
// heard of.
//
// The lease already keeps two primaries from serving at once, as long as clocks run at about the
// same rate. The fence needs no clock: it also refuses a request that an old primary sent before it
// stopped and that was delayed on the way.
//
// Owner: the worker; the caller synchronises. Always: promised() never falls.
#pragma once

#include <algorithm>

#include "common/base/strong.hpp"
#include "common/core/rules.hpp"

namespace tandem::core {

class WorkerFence {
 public:
  // True when a request or announcement of this term is to be served. The worker refuses lower
  // terms from then on.
  bool admit(Term term) {
    if (term < promised_ && rules.workers_refuse_lower_terms) return false;
    promised_ = std::max(promised_, term);
    return true;
  }
  Term promised() const { return promised_; }

 private:
  Term promised_;
};

}  // namespace tandem::core
