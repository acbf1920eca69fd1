#include "master/balance/least_connections.hpp"

namespace tandem::master {

void LeastConnections::update(const SnapshotService& service) {
  candidates_.clear();
  for (const auto& worker : service.workers) {
    TANDEM_ASSERT(worker->weight > 0);
    candidates_.push_back({worker->counters, static_cast<double>(worker->weight)});
  }
}

std::optional<std::size_t> LeastConnections::pick(Usable usable) {
  std::optional<std::size_t> best;
  double best_load = 0;
  const auto count = candidates_.size();
  const auto start = count == 0 ? 0 : next_++ % count;
  for (std::size_t step = 0; step < count; ++step) {
    const auto index = start + step < count ? start + step : start + step - count;
    const auto& candidate = candidates_[index];
    // Plus the request to be placed: between two idle workers the heavier one is the less loaded.
    const double load =
        (candidate.counters->in_flight.load(std::memory_order_relaxed) + 1) / candidate.weight;
    if ((!best || load < best_load) && usable(index)) {
      best = index;
      best_load = load;
    }
  }
  return best;
}

}  // namespace tandem::master
