// round_robin.hpp: smooth weighted round robin.
//
// Each worker has a virtual deadline; the earliest is next and moves on by 1/weight (earliest
// deadline first: Demers, Keshav & Shenker 1989). A worker of weight 2 is chosen twice as often as
// one of weight 1, and evenly in between, not twice in a row. A worker that was unusable for a
// while does not get the turns that it missed. pick() is O(log n), plus O(log n) for each unusable
// worker that is passed over.
#pragma once

#include <random>
#include <vector>

#include "master/balance/policy.hpp"

namespace tandem::master {

class RoundRobin final : public Policy {
 public:
  explicit RoundRobin(std::uint64_t seed) : random_(seed) {}

  void update(const SnapshotService& service) override;
  std::optional<std::size_t> pick(Usable usable) override;

 private:
  struct Turn {
    double deadline;
    std::size_t index;
    double stride;  // 1 / weight
    WorkerId worker;

    // For std::push_heap, which keeps the largest in front: the earliest deadline.
    friend bool operator<(const Turn& a, const Turn& b) {
      return a.deadline != b.deadline ? a.deadline > b.deadline : a.index > b.index;
    }
  };

  std::vector<Turn> turns_;  // a heap
  std::vector<Turn> passed_over_;
  double virtual_time_ = 0;
  std::minstd_rand random_;
};

}  // namespace tandem::master
