// leading.cpp: what a primary does: rounds, replication, commitment, lease, hand-over.
#include <algorithm>

#include "common/core/limits.hpp"
#include "common/core/node.hpp"
#include "common/core/rules.hpp"

namespace tandem::core {

void Node::become_primary(bool alone) {
  TANDEM_ASSERT(role() == Role::candidate);
  TANDEM_ASSERT(hard_.vote == self());
  Primary primary(options_.timing, now_);
  primary.own_first = log_.last_index().next();
  primary.next_heartbeat = now_;
  primary.alone = alone;
  role_ = std::move(primary);
  primary_ = self();
  ungranted_.clear();
  pair_.lose();
  out_->announce = hard_.term;
  auto& leading = std::get<Primary>(role_);
  refresh_members(leading);  // before the no-op, so that the first round carries it
  append_to_log({leading.own_first, hard_.term, NoOp{}});
  heartbeat(leading);
  advance_commit(leading);
}

// A Tick of the primary.
void Node::lead(Primary& primary) {
  TANDEM_ASSERT(primary_ == self());
  if (now_ < primary.next_heartbeat) return;
  step_down_without_quorum(primary);
  if (role() != Role::primary) return;
  if (primary.handing_over && now_ >= primary.handing_over->give_up) primary.handing_over.reset();
  mind_leaving(primary);
  change_voters(primary);
  if (role() != Role::primary) return;  // this node was removed, and handed over
  greet_newcomers(primary);
  heartbeat(primary);
}

void Node::heartbeat(Primary& primary) {
  primary.next_heartbeat = now_ + options_.timing.heartbeat;
  for (auto& member : primary.members) {
    if (member.probing) member.in_flight = 0;  // the message sent last time is lost, or late
    send_append(primary, member);
  }
  renew_lease(primary);
  TANDEM_ASSERT(primary.next_heartbeat > now_);
}

// Sends new entries at once, without waiting for the next heartbeat.
void Node::replicate(Primary& primary) {
  for (auto& member : primary.members) {
    if (member.may_send_entries() && member.next <= log_.last_index()) send_append(primary, member);
  }
}

void Node::send_append(Primary& primary, Progress& member) {
  TANDEM_ASSERT(member.next.value() > 0);
  if (member.id.node == self().node)
    return;  // the incarnation of this node before it lost its disk
  const LogIndex previous(member.next.value() - 1);
  const auto previous_term = log_.term_at(previous);
  TANDEM_ASSERT(previous <= log_.last_index());
  if (member.needs_snapshot || !previous_term) {
    member.needs_snapshot = true;
    return send_snapshot(member);
  }
  Append append{
      .previous_index = previous, .previous_term = *previous_term, .commit = commit_, .sent = now_};
  // A standby is in sync once it holds the first entry of our term, and thus all that was ever
  // committed; later commits need it.
  const bool in_sync = member.kind == VoterKind::master && member.match >= primary.own_first;
  const bool counted_on = configuration().pair && configuration().contains(member.id);
  if (counted_on && in_sync && !primary.alone && !primary.dismisses) {
    append.in_sync = member.session;
    member.allowed = now_;
  }
  if (member.may_send_entries() && member.next <= log_.last_index()) {
    append.entries = log_.slice(member.next, options_.append_entries_max, limits::append_bytes_max);
    ++member.in_flight;
    if (!member.probing) member.next = append.entries.back().index.next();
  }
  append.grant = grant_for(primary, member);
  send(member.id, std::move(append));
}

// A log that was never compacted begins with the empty state, which serves as a snapshot too: a
// member that has diverged begins again from it.
void Node::send_snapshot(Progress& member) {
  static const SnapshotPointer nothing = std::make_shared<const Snapshot>();
  const SnapshotPointer& snapshot = snapshot_ == nullptr ? nothing : snapshot_;
  TANDEM_ASSERT(snapshot->index == log_.snapshot_index());
  TANDEM_ASSERT(snapshot->index.value() > 0 || member.discard_log);
  if (is_newer_snapshot_needed()) return;
  send(member.id, InstallSnapshot{snapshot, member.discard_log, now_});
}

// A member that begins again receives all entries after the snapshot, and acts on each
// configuration among them. By one that has voters which were removed since, it could elect such a
// voter, which lacks what was committed without it. So a pair that once had more voters uses a
// snapshot taken after they were removed.
bool Node::is_newer_snapshot_needed() const {
  const auto* primary = as_primary();
  if (primary == nullptr || configuration().was_protected || !log_.was_ever_protected()) {
    return false;
  }
  return std::any_of(primary->members.begin(), primary->members.end(), [](const Progress& member) {
    return member.needs_snapshot && member.discard_log;
  });
}

void Node::on(const Message& message, const AppendReply& reply) {
  auto* primary = as_primary();
  if (primary == nullptr || reply.sent > now_) return;
  if (reply.accepted && reply.match > log_.last_index())
    return;  // no member can hold more than it was sent
  const auto found =
      std::find_if(primary->members.begin(), primary->members.end(),
                   [&](const Progress& member) { return same_member(member.id, message.from); });
  if (found == primary->members.end()) return;
  Progress& member = *found;
  member.heard = now_;
  // R6: the time of sending the round counts, not that of its answer.
  const Instant answered = rules.lease_counts_from_send ? reply.sent : now_;
  member.answered = std::max(member.answered, answered);
  member.session = reply.session;
  if (reply.request) primary->grants.heard(member.id, *reply.request, now_);
  bool moved = reply.accepted;
  if (!configuration().was_protected && has_diverged(reply)) {
    member.diverged();
    primary->grants.begins_anew(member.id);
    moved = false;
  } else if (reply.accepted) {
    if (member.needs_snapshot && reply.match >= log_.snapshot_index()) {
      member.needs_snapshot = member.discard_log = false;
    }
    member.accepted(reply);
  } else {
    moved = member.refused(reply);
  }
  renew_lease(*primary);
  advance_commit(*primary);
  pair_up(*primary);
  if (moved && member.may_send_entries() && member.next <= log_.last_index())
    send_append(*primary, member);
  continue_handover();
  primary = as_primary();
  if (primary == nullptr) return;
  const bool waits_for_answers = primary->dismisses || primary->removing || primary->joining;
  if (waits_for_answers) change_voters(*primary);
}

// A primary holds everything that was committed before its term, so what a member has committed
// must be in its log.
bool Node::has_diverged(const AppendReply& reply) const {
  TANDEM_ASSERT(role() == Role::primary);
  if (reply.committed < log_.snapshot_index()) return false;  // a snapshot will replace it
  return log_.term_at(reply.committed) != reply.committed_term;
}

void Node::renew_lease(Primary& primary) {
  if (primary.alone) return primary.lease.renew(now_);
  std::vector<Instant> answered;
  answered.reserve(configuration().voters.size());
  for (const auto& voter : configuration().voters) {
    if (voter.id == self()) answered.push_back(now_);
  }
  for (const auto& member : primary.members) {
    if (configuration().contains(member.id)) answered.push_back(member.answered);
  }
  TANDEM_ASSERT(answered.size() == configuration().voters.size());
  primary.lease.renew(answered_by(answered, configuration().quorum()));
}

// R5. An entry is committed when a majority of the newest configuration holds it durably, counted
// only for entries of the primary's own term: an older one could still be overwritten (Ongaro 2014,
// §3.6.2).
void Node::advance_commit(Primary& primary) {
  std::vector<LogIndex> durable;
  durable.reserve(configuration().voters.size());
  for (const auto& voter : configuration().voters) {
    const bool assumed = !rules.persist_before_reply;
    if (voter.id == self()) durable.push_back(assumed ? log_.last_index() : durable_index_);
  }
  for (const auto& member : primary.members) {
    if (configuration().contains(member.id)) durable.push_back(member.match);
  }
  TANDEM_ASSERT(durable.size() == configuration().voters.size());
  std::size_t quorum = primary.alone || !rules.commit_needs_majority ? 1 : configuration().quorum();
  std::sort(durable.begin(), durable.end(), std::greater<>());
  LogIndex agreed = durable[quorum - 1];
  if (primary.alone) agreed = rules.persist_before_reply ? durable_index_ : log_.last_index();
  if (agreed <= commit_) return;
  if (rules.commit_own_term_first && log_.term_at(agreed) != hard_.term) return;
  commit_up_to(agreed);
  TANDEM_ASSERT(commit_ == agreed);
  tell_commit(primary);
}

// A primary that has not heard from a majority for this long cannot tell whether it has been
// replaced. It stopped serving long before. Where its own vote is the majority nobody can have
// replaced it.
void Node::step_down_without_quorum(Primary& primary) {
  if (primary.alone || won({self()}) || !rules.lapsed_lease_stops_serving) return;
  const Instant since =
      std::max(primary.lease.serve_until(), primary.elected + options_.timing.lease());
  if (now_ < since + options_.timing.election_timeout) return;
  Instant heard = primary.elected;
  for (const auto& member : primary.members) {
    if (configuration().contains(member.id)) heard = std::max(heard, member.heard);
  }
  const bool in_pair = configuration().pair && options_.pair_failover;
  become_follower(hard_.term, MemberId{});
  if (in_pair) pair_.heard(Standing::was_primary, heard);
  TANDEM_ASSERT(serve_until() == Instant::never());
}

void Node::handle(Propose& proposed) {
  auto* primary = as_primary();
  const auto refuse = [&](ErrorCode code, const char* why) {
    out_->refused.push_back({proposed.id, fail(code, why)});
  };
  if (primary == nullptr) return refuse(ErrorCode::unavailable, "this node is not the primary");
  if (disk_fails_) return refuse(ErrorCode::unavailable, "the primary's disk refuses to write");
  if (primary->handing_over) return refuse(ErrorCode::unavailable, "the primary is handing over");
  if (proposed.bytes.size() > limits::command_bytes_max) {
    return refuse(ErrorCode::invalid, "a change may hold at most 16 KiB");
  }
  if (log_.last_index().value() - commit_.value() >= limits::uncommitted_entries_max) {
    return refuse(ErrorCode::unavailable, "too many changes wait for a majority");
  }
  append_to_log(
      {log_.last_index().next(), hard_.term, Command{proposed.id, std::move(proposed.bytes)}});
  replicate(*primary);
  TANDEM_ASSERT(log_.last_term() == hard_.term);
}

void Node::handle(TermAnnounced announced) {
  auto* primary = as_primary();
  if (primary == nullptr || announced.term != hard_.term) return;
  primary->announced = true;
}

// ---- hand-over (leadership transfer, Ongaro 2014, §3.10)
// ---------------------------------------------------

void Node::handle(const HandOver& hand_over) {
  auto* primary = as_primary();
  if (primary == nullptr || primary->handing_over) return;
  const Progress* best = successor(*primary, hand_over);
  if (best == nullptr) return;
  primary->handing_over = HandingOver{best->id, now_ + options_.timing.election_timeout};
  continue_handover();
}

// The master that answers and has the most complete log; null: none answers.
const Progress* Node::successor(const Primary& primary, const HandOver& hand_over) const {
  const Progress* best = nullptr;
  const auto* known = registered(primary);
  for (const auto& member : primary.members) {
    const Voter* voter = configuration().find(member.id);
    const bool leaves = known != nullptr && !known->masters.empty() &&
                        !stays(*known, configuration(), member.id.node);
    const bool fit = voter != nullptr && voter->kind == VoterKind::master && !leaves &&
                     member.heard != Instant::never() &&
                     now_ - member.heard < options_.timing.election_timeout &&
                     !hand_over.unfit.contains(member.id.node);
    const bool asked = hand_over.to.empty() || hand_over.to == member.id.node;
    if (fit && asked && (best == nullptr || member.match > best->match)) best = &member;
  }
  return best;
}

// Once the successor has everything, this primary stops serving for good and tells it to campaign.
// It does not serve again in this term even if that message seems lost, because a late one would
// still be believed.
void Node::continue_handover() {
  auto* primary = as_primary();
  if (primary == nullptr || !primary->handing_over) return;
  const MemberId to = primary->handing_over->to;
  if (match_index(to) < log_.last_index() || !are_voters_committed()) return;
  send(to, TimeoutNow{});
  become_follower(hard_.term, MemberId{});
  TANDEM_ASSERT(role() == Role::follower);
  TANDEM_ASSERT(serve_until() == Instant::never());
}

// Pair mode: a primary that continued alone needs its standby again for commits as soon as the
// standby has everything that is committed.
void Node::pair_up(Primary& primary) {
  if (!primary.alone) return;
  TANDEM_ASSERT(!primary.members.empty() || configuration().voters.size() == 1);
  for (const auto& voter : configuration().voters) {
    if (voter.id == self()) continue;
    const auto member =
        std::find_if(primary.members.begin(), primary.members.end(),
                     [&](const Progress& progress) { return progress.id == voter.id; });
    TANDEM_ASSERT(member != primary.members.end());
    const bool fresh =
        member->answered != Instant::never() && now_ - member->answered < options_.timing.lease();
    if (!fresh || member->match < log_.last_index() || member->needs_snapshot) return;
  }
  primary.alone = false;
  renew_lease(primary);
}

}  // namespace tandem::core
