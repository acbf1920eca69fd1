// granting.cpp: serving grants, asked for and given with the messages that flow anyway
// (serving_grant.hpp).
#include <algorithm>

#include "common/core/node.hpp"
#include "common/core/rules.hpp"

namespace tandem::core {

// Grants are in use once the voters' configuration says so: each later primary has that entry, and
// takes care of what earlier ones have granted.
bool Node::uses_grants() const { return configuration().grants; }

bool Node::wants_grants() const { return registered_ && registered_->grants; }

void Node::handle(Applied applied) {
  if (applied.index > commit_) return;  // of a state that is about to be replaced (pair mode)
  const bool is_news = applied.index > applied_;
  applied_ = applied.index;
  held_grant_.applied(applied_);
  // The primary may wait for this. As an answer to its last round the message is a late refusal,
  // which says nothing about the log.
  const bool follows =
      role() == Role::follower && !primary_.empty() && last_round_ != Instant::never();
  if (!is_news || !follows || !uses_grants() || options_.kind != VoterKind::master) return;
  send(primary_, reply_to(last_round_), hard_write_);
}

// What was committed is in force once the others have applied it, so they hear of it at once.
void Node::tell_commit(Primary& primary) {
  if (!uses_grants()) return;
  for (auto& member : primary.members) {
    if (member.kind == VoterKind::master) send_append(primary, member);
  }
}

// What a master that votes says with each answer to the primary.
std::optional<GrantRequest> Node::grant_request() const {
  if (!uses_grants() || options_.kind != VoterKind::master) return std::nullopt;
  const bool asks = wants_grants() && configuration().contains(self());
  return GrantRequest{
      .asked = asks ? now_ : Instant::never(), .session = session_, .applied = applied_};
}

// An answer to an earlier run of this process is no answer: that one may have applied more than
// this one, and may have said so. What was asked before the state began anew counts no more either.
void Node::take_grant(const Append& append) {
  if (!append.grant || !wants_grants() || append.grant->asked > now_) return;
  const bool is_ours = append.grant->session == session_ && append.grant->asked >= asks_since_;
  if (!is_ours && rules.grant_is_for_one_run) return;
  Grant grant = *append.grant;
  if (!rules.grant_counts_from_question) grant.asked = now_;
  held_grant_.take(grant, options_.timing.grant_usable(), append.commit);
}

void Node::drop_grant() {
  held_grant_.drop();
  applied_ = LogIndex(0);
  asks_since_ = now_;
}

// Only a primary that could not have been replaced yet grants anything, and only by a commit index
// that covers what its predecessors have committed. A member that is not in the committed
// configuration may be unknown to the next primary; one that is being removed gets no more.
std::optional<Grant> Node::grant_for(Primary& primary, const Progress& member) {
  const auto* state = registered(primary);
  if (!uses_grants() || state == nullptr || !state->grants) return std::nullopt;
  if (member.kind != VoterKind::master || primary.own_first > commit_) return std::nullopt;
  if (now_ >= primary.lease.serve_until() && rules.grants_need_a_lease) return std::nullopt;
  const auto& committed = log_.configuration_at(commit_);
  if (!committed.grants || !committed.contains(member.id)) return std::nullopt;
  if (!configuration().contains(member.id)) return std::nullopt;
  if (primary.removing && primary.removing->id == member.id) return std::nullopt;
  return primary.grants.give(member.id, now_);
}

LogIndex Node::in_force() const {
  const auto* primary = as_primary();
  if (primary == nullptr) return LogIndex(0);
  if (!uses_grants()) return commit_;
  LogIndex index = std::min(commit_, applied_);
  for (const auto& voter : configuration().voters) {
    if (voter.kind != VoterKind::master || voter.id == self()) continue;
    index = std::min(index, primary->grants.in_force(voter.id, now_));
  }
  return index;
}

// A master that is removed is unknown to later primaries, so its grant runs out first.
bool Node::may_be_removed(const Primary& primary, const Voter& voter) const {
  if (!uses_grants() || voter.kind != VoterKind::master) return true;
  return primary.grants.is_over(voter.id, now_) || !rules.removed_have_no_grant;
}

}  // namespace tandem::core
