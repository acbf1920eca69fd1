#include "master/balance/round_robin.hpp"

#include <algorithm>
#include <unordered_map>

namespace tandem::master {

void RoundRobin::update(const SnapshotService& service) {
  std::unordered_map<WorkerId, double> deadlines;
  for (const auto& turn : turns_) deadlines.emplace(turn.worker, turn.deadline);
  turns_.clear();
  std::uniform_real_distribution<double> phase(0.0, 1.0);
  for (std::size_t index = 0; index < service.workers.size(); ++index) {
    const auto& worker = *service.workers[index];
    TANDEM_ASSERT(worker.weight > 0);
    const double stride = 1.0 / worker.weight;
    const auto known = deadlines.find(worker.id);
    // A stranger starts somewhere within its first turn; one whose weight was raised waits one
    // stride.
    const double deadline = known == deadlines.end()
                                ? virtual_time_ + phase(random_) * stride
                                : std::min(known->second, virtual_time_ + stride);
    turns_.push_back({deadline, index, stride, worker.id});
  }
  std::make_heap(turns_.begin(), turns_.end());
}

std::optional<std::size_t> RoundRobin::pick(Usable usable) {
  std::optional<std::size_t> chosen;
  while (!turns_.empty() && !chosen) {
    std::pop_heap(turns_.begin(), turns_.end());
    auto& turn = turns_.back();
    if (usable(turn.index)) {
      chosen = turn.index;
      const double missed = std::max(turn.deadline, virtual_time_);
      virtual_time_ = std::max(virtual_time_, turn.deadline);
      turn.deadline = missed + turn.stride;
      std::push_heap(turns_.begin(), turns_.end());
    } else {
      passed_over_.push_back(turn);
      turns_.pop_back();
    }
  }
  for (const auto& turn : passed_over_) {
    turns_.push_back(turn);
    std::push_heap(turns_.begin(), turns_.end());
  }
  passed_over_.clear();
  return chosen;
}

}  // namespace tandem::master
