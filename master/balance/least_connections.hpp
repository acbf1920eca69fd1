// least_connections.hpp: the worker with the fewest requests in flight relative to its weight;
// equal ones take turns, by weight.
//
// It counts the requests of all loops of this master, so that two loops do not both take a worker
// for idle, and those of others that the worker's heartbeats report. A heap has the least loaded
// worker in front. This loop's own requests are entered at once; those of others are noticed when a
// worker comes to the front, and by refreshing two more with each pick. pick() is O(log n).
#pragma once

#include <vector>

#include "master/balance/policy.hpp"

namespace tandem::master {

class LeastConnections final : public Policy {
 public:
  explicit LeastConnections(std::uint64_t seed) : next_look_(static_cast<std::size_t>(seed)) {}

  void update(std::span<const Candidate> candidates) override;
  std::optional<std::size_t> pick(const Selection& selection) override;
  void began(std::size_t place) override { refresh(place); }
  void ended(std::size_t place) override { refresh(place); }

 private:
  struct Worker {
    double stride = 1;     // 1 / weight
    std::size_t node = 0;  // its index in heap_
    std::shared_ptr<WorkerCounters> counters{};
    WorkerId id{};

    double load() const { return load_of(*counters) * stride; }
  };
  struct Node {
    double load = 0;  // as last seen: in flight / weight
    double turn = 0;  // virtual time, as in round_robin.hpp; decides between equals
    std::size_t place = 0;

    bool is_before(const Node& other) const {
      return load != other.load ? load < other.load : turn < other.turn;
    }
  };

  void refresh(std::size_t place);
  void put(std::size_t at, const Node& node);
  void sift(std::size_t at, const Node& node);
  void take_front_aside();
  void bring_back();
  std::size_t take(std::size_t place);
  std::optional<std::size_t> search(Usable usable);

  std::vector<Worker> workers_;  // by place
  std::vector<Node> heap_;
  std::vector<Node> aside_;  // not usable: out of the heap during a pick
  double virtual_time_ = 0;
  std::size_t next_look_;
};

}  // namespace tandem::master
