#include "master/balance/least_connections.hpp"

#include <algorithm>
#include <unordered_map>

#include "common/base/assert.hpp"
#include "master/balance/policy_factory.hpp"

namespace tandem::master {

namespace {
constexpr int looks_per_pick = 2;
constexpr std::size_t children = 4;  // of a node: flatter, so fewer cache lines than with two
}  // namespace

void LeastConnections::update(std::span<const Candidate> candidates) {
  std::unordered_map<WorkerId, double> turns;
  for (const auto& node : heap_) turns.emplace(workers_[node.place].id, node.turn);
  workers_.clear();
  heap_.clear();
  for (std::size_t place = 0; place < candidates.size(); ++place) {
    const auto& candidate = candidates[place];
    TANDEM_ASSERT(candidate.weight > 0);
    const double stride = 1 / candidate.weight;
    workers_.push_back(
        {.stride = stride, .node = place, .counters = candidate.counters, .id = candidate.id});
    // New workers begin at different points of their first turn, so that the loops do not all begin
    // with the same one.
    const double phase = static_cast<double>((place + next_look_) % candidates.size()) /
                         static_cast<double>(candidates.size());
    const auto known = turns.find(candidate.id);
    const Node node{.load = workers_.back().load(),
                    .turn = known == turns.end() ? virtual_time_ + phase * stride
                                                 : std::min(known->second, virtual_time_ + stride),
                    .place = place};
    heap_.push_back(node);
    sift(place, node);
  }
}

void LeastConnections::put(std::size_t at, const Node& node) {
  heap_[at] = node;
  workers_[node.place].node = at;
}

// Moves `node`, which is at `at`, up or down to its place in the heap.
void LeastConnections::sift(std::size_t at, const Node& node) {
  while (at > 0 && node.is_before(heap_[(at - 1) / children])) {
    put(at, heap_[(at - 1) / children]);
    at = (at - 1) / children;
  }
  for (;;) {
    const auto first = at * children + 1;
    if (first >= heap_.size()) break;
    auto least = first;
    for (auto child = first + 1; child < std::min(first + children, heap_.size()); ++child) {
      if (heap_[child].is_before(heap_[least])) least = child;
    }
    if (!heap_[least].is_before(node)) break;
    put(at, heap_[least]);
    at = least;
  }
  put(at, node);
}

void LeastConnections::refresh(std::size_t place) {
  TANDEM_ASSERT(place < workers_.size());
  const auto at = workers_[place].node;
  auto node = heap_[at];
  node.load = workers_[place].load();
  if (node.load != heap_[at].load) sift(at, node);
}

void LeastConnections::take_front_aside() {
  aside_.push_back(heap_.front());
  const auto last = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) sift(0, last);
}

void LeastConnections::bring_back() {
  for (const auto& node : aside_) {
    heap_.push_back(node);
    sift(heap_.size() - 1, node);
  }
  aside_.clear();
}

// `place` is chosen: other workers with the same load come before it from now on.
std::size_t LeastConnections::take(std::size_t place) {
  const auto& worker = workers_[place];
  auto node = heap_[worker.node];
  const double began = std::max(node.turn, virtual_time_);
  virtual_time_ = began;
  node.turn = began + worker.stride;
  sift(worker.node, node);
  return place;
}

std::optional<std::size_t> LeastConnections::pick(const Selection& selection) {
  for (int look = 0; look < looks_per_pick && !workers_.empty(); ++look) {
    next_look_ = next_look_ + 1 < workers_.size() ? next_look_ + 1 : 0;
    refresh(next_look_);
  }
  while (!heap_.empty() && aside_.size() < draws_max) {
    const auto front = heap_.front();
    if (workers_[front.place].load() > front.load) {
      refresh(front.place);  // another loop has used it
    } else if (selection.usable(front.place)) {
      bring_back();
      return take(front.place);
    } else {
      take_front_aside();
    }
  }
  bring_back();
  return search(selection.usable);
}

std::optional<std::size_t> LeastConnections::search(Usable usable) {
  std::optional<Node> best;
  for (std::size_t place = 0; place < workers_.size(); ++place) {
    refresh(place);
    const auto& node = heap_[workers_[place].node];
    if (usable(place) && (!best || node.is_before(*best))) best = node;
  }
  return best ? std::optional(take(best->place)) : std::nullopt;
}

std::unique_ptr<Policy> make_least_connections(const PolicyContext& context) {
  return std::make_unique<LeastConnections>(context.seed);
}

}  // namespace tandem::master
