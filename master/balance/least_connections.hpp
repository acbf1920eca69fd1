// least_connections.hpp: the worker with the fewest requests in flight for its weight.
//
// Counts the requests of all loops of this master, so that two loops do not both think a worker
// idle. Equals are taken in turn. pick() looks at every worker: O(n).
#pragma once

#include <vector>

#include "master/balance/policy.hpp"

namespace tandem::master {

class LeastConnections final : public Policy {
 public:
  explicit LeastConnections(std::uint64_t seed) : next_(static_cast<std::size_t>(seed)) {}

  void update(const SnapshotService& service) override;
  std::optional<std::size_t> pick(Usable usable) override;

 private:
  struct Candidate {
    std::shared_ptr<WorkerCounters> counters;
    double weight;
  };
  std::vector<Candidate> candidates_;
  std::size_t next_;
};

}  // namespace tandem::master
