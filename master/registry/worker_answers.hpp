// worker_answers.hpp: how often a worker has answered, by the protocol of the client and the class
// of the status.
//
// Each loop counts in a tally of its own, so that a request writes nothing that another loop
// writes. A tally whose loop has let it go, since the worker is drained or down, is taken up by the
// next: what it has counted stays. Owner: a tally its taker, the rest any thread; the lock is taken
// when a loop learns of the worker and by who reads, never by a request. Always: as many tallies as
// were taken at once.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/histogram.hpp"
#include "common/base/mutex.hpp"
#include "common/wire/status.hpp"

namespace tandem::master {

class alignas(64) AnswerTally {
 public:
  // A status that no class has counts as 5xx.
  void add(bool is_http2, unsigned status) {
    const std::size_t of_status = status / 100 - 1;
    counts_[is_http2 ? 1 : 0][std::min(of_status, wire::status_classes - 1)].add();
  }
  void add_to(wire::AnswerCounts& sums) const {
    for (std::size_t protocol = 0; protocol < sums.size(); ++protocol) {
      for (std::size_t at = 0; at < sums[protocol].size(); ++at) {
        sums[protocol][at] += counts_[protocol][at].value();
      }
    }
  }

 private:
  std::array<std::array<Counter, wire::status_classes>, wire::client_protocols> counts_{};
};

class WorkerAnswers {
 public:
  // The caller's alone until it is destroyed.
  std::shared_ptr<AnswerTally> take() {
    const Lock lock(mutex_);
    for (const auto& tally : tallies_) {
      if (tally.use_count() > 1) continue;
      // What its last taker wrote comes before what the next one reads.
      std::atomic_thread_fence(std::memory_order_acquire);
      return tally;
    }
    return tallies_.emplace_back(std::make_shared<AnswerTally>());
  }
  wire::AnswerCounts sums() const {
    wire::AnswerCounts sums{};
    const Lock lock(mutex_);
    for (const auto& tally : tallies_) tally->add_to(sums);
    return sums;
  }
  std::uint64_t total() const { return wire::total(sums()); }

 private:
  mutable Mutex mutex_;
  std::vector<std::shared_ptr<AnswerTally>> tallies_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem::master
