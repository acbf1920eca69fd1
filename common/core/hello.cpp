// hello.cpp: how masters that do not vote announce themselves, and how a cluster is founded.
#include <algorithm>

#include "common/core/limits.hpp"
#include "common/core/node.hpp"

namespace tandem::core {

void Node::say_hello() {
  if (options_.kind != VoterKind::master || now_ < hello_due_) return;
  if (hard_.cluster.value() == 0 && founding_.may_found() && !disk_fails_) return found();
  hello_due_ = now_ + options_.timing.heartbeat;
  std::set<NodeId> masters(options_.masters.begin(), options_.masters.end());
  if (registered_) {
    for (const auto& master : registered_->masters) masters.insert(master.node);
  }
  for (const auto& voter : configuration().voters) {
    if (voter.kind == VoterKind::master) masters.insert(voter.id.node);
  }
  for (const auto& master : masters) {
    if (master != self().node) greet(master, std::nullopt);
  }
}

// True when it may be a master of this cluster according to the options or to the applied state,
// however old. Whether it is one is decided when it is admitted.
bool Node::is_listed(const NodeId& node) const {
  const auto& masters = options_.masters;
  if (std::find(masters.begin(), masters.end(), node) != masters.end()) return true;
  return registered_ && std::any_of(registered_->masters.begin(), registered_->masters.end(),
                                    [&](const auto& master) { return master.node == node; });
}

void Node::on(const Message& message, const Hello& hello) {
  // For a primary that knows us, when all the masters that we know have left since.
  const auto ours = hard_.cluster.value() != 0 ? hard_.cluster : options_.joins;
  const bool of_any =
      ours.value() == 0 && founding_.knows_of_cluster() && message.cluster.value() != 0;
  const bool of_ours = of_any || (ours.value() != 0 && message.cluster == ours);
  const bool listed = is_listed(message.from.node);
  if (!listed && !of_ours) return;
  if (hello.belongs) {
    founding_.heard_of_cluster();
  } else if (!hello.answer_wanted && hello.asker == session_) {
    founding_.heard_new(message.from.node);  // a late answer to an earlier life proves nothing
  }
  if (listed) known_masters_[message.from.node] = {message.from, now_};
  if (hard_.cluster.value() != 0 && message.cluster == hard_.cluster) lead_removed(message.from);
  TANDEM_ASSERT(known_masters_.size() <= 2 * limits::masters_max);
  if (hello.answer_wanted) greet(message.from.node, hello.asker);
}

void Node::greet(const NodeId& master, std::optional<SessionId> asker) {
  send(MemberId{master, IncarnationId(0)},
       Hello{.belongs = hard_.cluster.value() != 0 || options_.joins.value() != 0,
             .answer_wanted = !asker.has_value(),
             .asker = asker.value_or(session_)});
}

// Greets masters that belong to the cluster but do not vote, or do not answer in the incarnation
// that votes: all masters that they know may have left.
void Node::greet_newcomers(const Primary& primary) {
  const auto* known = registered(primary);
  if (known == nullptr) return;
  for (const auto& master : known->masters) {
    const Voter* voter = configuration().current(master.node);
    const bool answers = voter != nullptr && !silent_since(voter->id);
    if (master.node != self().node && !answers) greet(master.node, std::nullopt);
  }
}

void Node::found() {
  TANDEM_ASSERT(founding_.may_found());
  TANDEM_ASSERT(log_.last_index() == LogIndex(0));
  hard_.cluster = ClusterId((random_.next() >> 11) + 1);
  const auto* restoration = options_.restoration.get();
  if (restoration != nullptr) hard_.term = std::max(outside_term_, restoration->after);
  hard_.term = hard_.term.next();
  hard_.vote = self();
  persist_hard_state();
  const Configuration alone = Configuration{}.with({self(), VoterKind::master, LogIndex(1)});
  if (restoration != nullptr) {
    install(std::make_shared<const Snapshot>(
                Snapshot{LogIndex(1), hard_.term, alone, restoration->bytes}),
            true);
  } else {
    append_to_log({LogIndex(1), hard_.term, alone});
  }
  election_due_ = now_;
}

}  // namespace tandem::core
