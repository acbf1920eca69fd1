// bench-core: what one message costs the core in the steady state: heartbeats of a primary with two
// followers, and changes that are proposed, replicated and committed. Figure to reach: under 2 us
// per message.
#include <time.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "common/core/node.hpp"

using namespace tandem;
using namespace tandem::core;

namespace {

double cpu_seconds() {
  timespec value{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &value);
  return static_cast<double>(value.tv_sec) + static_cast<double>(value.tv_nsec) / 1e9;
}

// Three nodes whose messages and writes take no time.
class Cluster {
 public:
  Cluster() {
    Configuration configuration;
    const std::vector<NodeId> masters{NodeId("master-one"), NodeId("master-two")};
    std::vector<Options> all(3);
    for (std::size_t i = 0; i < 3; ++i) {
      all[i].kind = i < 2 ? VoterKind::master : VoterKind::witness;
      all[i].self = {i < 2 ? masters[i] : NodeId("worker-with-state"), IncarnationId(i + 1)};
      if (i < 2) all[i].masters = masters;
      configuration = configuration.with({all[i].self, all[i].kind, LogIndex(1)});
    }
    const Stored stored{
        {ClusterId(1), Term(1), {}}, nullptr, {{LogIndex(1), Term(1), configuration}}};
    for (const auto& options : all)
      nodes_.push_back(std::make_unique<Node>(options, stored, 1, now_));
  }

  // Lets time pass to the next tick, and everything that follows from it happen.
  void next_tick() {
    Node* first = nodes_.front().get();
    for (const auto& node : nodes_) {
      if (node->deadline() < first->deadline()) first = node.get();
    }
    now_ = std::max(now_, first->deadline());
    step(*first, Tick{});
    settle();
  }

  void propose() {
    for (const auto& node : nodes_) {
      if (node->role() == Role::primary)
        step(*node, Propose{{1, ++proposed_}, std::string(300, 'x')});
    }
    settle();
  }

  bool has_primary() const {
    return std::any_of(nodes_.begin(), nodes_.end(),
                       [](const auto& node) { return node->role() == Role::primary; });
  }
  std::uint64_t messages() const { return messages_; }
  std::uint64_t committed() const { return nodes_.front()->commit_index().value(); }

 private:
  void settle() {
    while (!inbox_.empty()) {
      Message message = std::move(inbox_.front());
      inbox_.pop_front();
      ++messages_;
      for (const auto& node : nodes_) {
        if (node->self() == message.to) {
          step(*node, std::move(message));
          break;
        }
      }
    }
  }

  void step(Node& node, Input input) {
    node.step(now_, std::move(input), outputs_);
    const auto number = outputs_.write ? std::optional(outputs_.write->number) : std::nullopt;
    for (auto& outbound : outputs_.messages) inbox_.push_back(std::move(outbound.message));
    if (outputs_.snapshot_wanted) return step(node, SnapshotTaken{node.commit_index(), "state"});
    if (number) step(node, Durable{*number});
  }

  Instant now_{Duration(1s)};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::deque<Message> inbox_;
  Outputs outputs_;
  std::uint64_t messages_ = 0;
  std::uint64_t proposed_ = 0;
};

template <class Work>
void measure(const char* name, Cluster& cluster, int rounds, Work work) {
  std::vector<double> costs;
  for (int sample = 0; sample < 9; ++sample) {
    const auto messages = cluster.messages();
    const double began = cpu_seconds();
    for (int i = 0; i < rounds; ++i) work();
    costs.push_back((cpu_seconds() - began) * 1e6 /
                    static_cast<double>(cluster.messages() - messages));
  }
  std::sort(costs.begin(), costs.end());
  fmt::print("{:<12} {:.3f} us per message (median of {}; best {:.3f}, worst {:.3f})\n", name,
             costs[costs.size() / 2], costs.size(), costs.front(), costs.back());
}

}  // namespace

int main() {
  Cluster cluster;
  while (!cluster.has_primary()) cluster.next_tick();
  measure("heartbeats", cluster, 50'000, [&] { cluster.next_tick(); });
  measure("changes", cluster, 20'000, [&] { cluster.propose(); });
  fmt::print("{} messages, {} entries committed, {} bytes a message\n", cluster.messages(),
             cluster.committed(), sizeof(Message));
  return 0;
}
