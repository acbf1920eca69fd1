// refusing_disk.cpp: a node whose disk refuses writes for a while: it is full, read-only, or fails
// to sync.
//
// To the protocol this is a very slow disk: what was not reported durable is not durable, and
// messages that would have to wait for it are not sent (R2). So no promise of this node is in
// doubt, and its memory holds all of its state. When the disk works again, one write replaces
// whatever it holds by that state, and the node continues where it is: it need not keep quiet as
// after a restart, since it has forgotten nothing.
//
// Meanwhile it answers the rounds of a primary whose term is on its disk, stating what is durable,
// so that a full disk costs nobody a lease; it takes no entries, does not vote, and does not
// campaign. A primary hands over to a master that proves that its own disk works. If there is none
// the primary stays: serving needs a lease, and a lease needs no disk.
#include <utility>

#include "common/core/node.hpp"
#include "common/core/rules.hpp"

namespace tandem::core {

// A vote could not be made durable. A candidate that only got a pre-vote from us would disturb
// others in vain, so neither request is answered, and the candidate's term changes nothing here.
bool Node::may_be_heeded(const Message& message) const {
  return !disk_fails_ || !std::holds_alternative<VoteRequest>(message.body);
}

// At most twice a round. A primary sends more after each answer, and to a member that takes no
// entries it would send without end.
bool Node::answers_without_disk() {
  TANDEM_ASSERT(disk_fails_);
  if (now_ < next_answer_) return false;
  next_answer_ = now_ + options_.timing.heartbeat / 2;
  return true;
}

void Node::handle(const DiskFailed& failed) {
  disk_fails_ = true;
  auto* primary = as_primary();
  if (primary == nullptr) {
    if (role() != Role::follower) become_follower(hard_.term, MemberId{});
    return;
  }
  // In a pair the other needs our vote, and would have to wait until it may continue without us.
  if (configuration().pair || primary->handing_over) return;
  const Progress* best = successor(*primary, {.to = {}, .unfit = failed.unfit});
  if (best == nullptr) return;
  primary->handing_over = HandingOver{best->id, now_ + options_.timing.election_timeout};
  // That it has everything shows that its disk has worked; a further entry shows that it works now.
  if (best->match >= log_.last_index()) {
    append_to_log({log_.last_index().next(), hard_.term, NoOp{}});
    replicate(*primary);
  }
  continue_handover();
}

void Node::handle(DiskWorks) {
  if (!std::exchange(disk_fails_, false)) return;
  auto& whole = write();
  if (hard_.cluster.value() == 0) return;  // it has promised nothing yet
  persist_hard_state();
  if (!rules.rewrite_what_was_refused) return;
  TANDEM_ASSERT(whole.append.empty());
  whole.snapshot = snapshot_;
  whole.discard_log = snapshot_ != nullptr;
  if (snapshot_ == nullptr) whole.truncate_from = LogIndex(1);
  whole.append = log_.all();
}

}  // namespace tandem::core
