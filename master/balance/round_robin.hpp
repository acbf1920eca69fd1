// round_robin.hpp: smooth weighted round robin.
//
// Each worker has a virtual deadline; the earliest is next and moves on by 1/weight (earliest
// deadline first: Demers, Keshav & Shenker 1989). A worker of weight 2 is chosen twice as often as
// one of weight 1, and evenly in between, not twice in a row. A worker that was unusable for a
// while does not get the turns that it missed.
//
// Workers of the same weight move on by the same stride, so they keep their order forever: they
// form a ring, whose front is next, and only the fronts of the rings are compared. pick() is O(log
// w) for w different weights, plus one step for each unusable worker on the way.
#pragma once

#include <vector>

#include "master/balance/policy.hpp"
#include "common/base/splitmix64.hpp"

namespace tandem::master {

class RoundRobin final : public Policy {
 public:
  explicit RoundRobin(std::uint64_t seed) : random_(seed) {}

  void update(std::span<const Candidate> candidates) override;
  std::optional<std::size_t> pick(const Selection& selection) override;

 private:
  struct Turn {
    double deadline;
    std::size_t place;
  };
  struct Ring {
    double stride;  // 1 / weight
    std::vector<Turn> turns;
    std::size_t front = 0;

    const Turn& next() const { return turns[front]; }
    // Moves the front of the ring behind the others. Missed turns are not made up for: its next
    // deadline counts from `present` at the earliest.
    void move_on(double present);
  };
  // A ring in the heap that is ordered by deadline.
  struct Next {
    double deadline;
    std::size_t ring;

    bool is_before(const Next& other) const {
      return deadline != other.deadline ? deadline < other.deadline : ring < other.ring;
    }
  };

  std::optional<std::size_t> search(Usable usable);
  void take(Ring& ring);
  void order_all();
  void order_first();

  std::vector<Ring> rings_;
  std::vector<Next> order_;        // a heap of the rings, the earliest in front
  std::vector<WorkerId> workers_;  // by place
  double virtual_time_ = 0;
  SplitMix64 random_;
};

}  // namespace tandem::master
