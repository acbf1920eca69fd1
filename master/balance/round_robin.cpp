#include "master/balance/round_robin.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "common/base/assert.hpp"
#include "master/balance/policy_factory.hpp"

namespace tandem::master {

void RoundRobin::Ring::move_on(double present) {
  auto& turn = turns[front];
  turn.deadline = std::max(turn.deadline, present) + stride;
  front = front + 1 < turns.size() ? front + 1 : 0;
}

void RoundRobin::update(std::span<const Candidate> candidates) {
  std::unordered_map<WorkerId, double> deadlines;
  for (const auto& ring : rings_) {
    for (const auto& turn : ring.turns) deadlines.emplace(workers_[turn.place], turn.deadline);
  }
  std::map<double, Ring> by_weight;
  workers_.clear();
  for (std::size_t place = 0; place < candidates.size(); ++place) {
    const auto& candidate = candidates[place];
    TANDEM_ASSERT(candidate.weight > 0);
    const double stride = 1 / candidate.weight;
    const auto known = deadlines.find(candidate.id);
    // A new worker starts somewhere within its first turn; one whose weight was raised waits at
    // most one stride.
    const double deadline = known == deadlines.end()
                                ? virtual_time_ + random_.unit() * stride
                                : std::min(known->second, virtual_time_ + stride);
    auto& ring = by_weight[candidate.weight];
    ring.stride = stride;
    ring.turns.push_back({deadline, place});
    workers_.push_back(candidate.id);
  }
  rings_.clear();
  for (auto& [weight, ring] : by_weight) {
    std::sort(ring.turns.begin(), ring.turns.end(),
              [](const Turn& a, const Turn& b) { return a.deadline < b.deadline; });
    rings_.push_back(std::move(ring));
  }
  order_all();
}

void RoundRobin::order_all() {
  order_.clear();
  for (std::size_t ring = 0; ring < rings_.size(); ++ring) {
    order_.push_back({rings_[ring].next().deadline, ring});
  }
  std::make_heap(order_.begin(), order_.end(),
                 [](const Next& a, const Next& b) { return b.is_before(a); });
}

// The first ring has moved on: sifts it down to its place in the heap.
void RoundRobin::order_first() {
  const Next moved{rings_[order_.front().ring].next().deadline, order_.front().ring};
  std::size_t node = 0;
  for (;;) {
    auto child = 2 * node + 1;
    if (child >= order_.size()) break;
    if (child + 1 < order_.size() && order_[child + 1].is_before(order_[child])) ++child;
    if (!order_[child].is_before(moved)) break;
    order_[node] = order_[child];
    node = child;
  }
  order_[node] = moved;
}

// Gives the turn to the front of `ring`.
void RoundRobin::take(Ring& ring) {
  const auto deadline = ring.next().deadline;
  ring.move_on(virtual_time_);
  virtual_time_ = std::max(virtual_time_, deadline);
}

std::optional<std::size_t> RoundRobin::pick(const Selection& selection) {
  for (std::size_t looked_at = 0; looked_at < workers_.size(); ++looked_at) {
    auto& ring = rings_[order_.front().ring];
    const auto place = ring.next().place;
    const bool usable = selection.usable(place);
    if (usable) {
      take(ring);
    } else {
      ring.move_on(virtual_time_);
    }
    order_first();
    if (usable) return place;
  }
  return search(selection.usable);
}

// The usable worker whose turn is next. Used when unusable heavier workers come up so often that no
// usable one did. The workers in front of it in its ring are skipped.
std::optional<std::size_t> RoundRobin::search(Usable usable) {
  Ring* best = nullptr;
  Turn next{};
  for (auto& ring : rings_) {
    for (std::size_t step = 0; step < ring.turns.size(); ++step) {
      const auto& turn = ring.turns[(ring.front + step) % ring.turns.size()];
      if (best != nullptr && turn.deadline >= next.deadline) break;  // later ones are later still
      if (!usable(turn.place)) continue;
      best = &ring;
      next = turn;
      break;
    }
  }
  if (best == nullptr) return std::nullopt;
  while (best->next().place != next.place) best->move_on(virtual_time_);
  take(*best);
  order_all();
  return next.place;
}

std::unique_ptr<Policy> make_round_robin(const PolicyContext& context) {
  return std::make_unique<RoundRobin>(context.seed);
}

}  // namespace tandem::master
