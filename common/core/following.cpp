// following.cpp: taking over the primary's log.
#include <algorithm>

#include "common/core/node.hpp"
#include "common/core/rules.hpp"

namespace tandem::core {

// The sender leads this term, and hearing from it renews the promise to it.
void Node::follow(const Message& message) {
  TANDEM_ASSERT(role() != Role::primary);
  if (role() != Role::follower || primary_ != message.from)
    become_follower(hard_.term, message.from);
  promise_.give(message.from, now_ + options_.timing.election_timeout);
  promised_at_ = now_;
  if (const auto* append = std::get_if<Append>(&message.body)) last_round_ = append->sent;
  election_due_ = now_ + first_wait();
  TANDEM_ASSERT(promise_.left(now_) >= options_.timing.election_timeout);
}

// Whether a primary could have sent these entries: consecutive, with terms that never fall and do
// not exceed the message's.
bool Node::are_plausible(LogIndex previous, Term previous_term,
                         const std::vector<Entry>& entries) const {
  Term term = previous_term;
  for (const auto& entry : entries) {
    previous = previous.next();
    if (entry.index != previous || entry.term < term || entry.term > hard_.term) return false;
    term = entry.term;
  }
  return true;
}

// True when the message contradicts what this node has committed. In a cluster that has been
// protected no primary's log does that, so the message is damaged or hostile; in pair mode the two
// may have continued without each other.
bool Node::denies_committed(LogIndex index, Term term) const {
  TANDEM_ASSERT(commit_ >= log_.snapshot_index());
  const bool committed = index >= log_.snapshot_index() && index <= commit_;
  return committed && log_.term_at(index) != term;
}

bool Node::denies_committed(LogIndex previous, Term previous_term,
                            const std::vector<Entry>& entries) const {
  return denies_committed(previous, previous_term) ||
         std::any_of(entries.begin(), entries.end(),
                     [&](const Entry& entry) { return denies_committed(entry.index, entry.term); });
}

// A refusal; the caller turns it into an acceptance.
AppendReply Node::reply_to(Instant sent) const {
  TANDEM_ASSERT(commit_ >= log_.snapshot_index());
  return AppendReply{.match = commit_,
                     .committed = commit_,
                     .committed_term = *log_.term_at(commit_),
                     .sent = sent,
                     .session = session_,
                     .request = grant_request()};
}

// The statement that was sent last counts, whichever arrives last: a primary that has heard that
// its standby stands down continues without it, and an earlier message must not reinstate that
// standby. Statements count even in messages that do not fit the log, because the answers to those
// count too.
void Node::take_standing(const Append& append, bool fits) {
  if (standing_term_ != hard_.term) standing_sent_ = Instant::never();
  if (append.sent < standing_sent_) return;
  standing_term_ = hard_.term;
  standing_sent_ = append.sent;
  const bool in_sync = append.in_sync == session_;
  if (!in_sync && pair_.standing() == Standing::standby) pair_.lose();
  if (in_sync && fits && configuration().pair) pair_.heard(Standing::standby, now_);
}

void Node::on(const Message& message, Append& append) {
  if (role() == Role::primary) return;
  if (!are_plausible(append.previous_index, append.previous_term, append.entries)) return;
  if (configuration().was_protected &&
      denies_committed(append.previous_index, append.previous_term, append.entries)) {
    return;
  }
  follow(message);
  if (disk_fails_) {
    append.entries.clear();  // as if the round had brought none
    if (!answers_without_disk()) return;
  }
  const LogIndex previous = append.previous_index;
  const LogIndex matched(previous.value() + append.entries.size());
  const LogIndex edge = log_.snapshot_index();
  if (previous >= edge && log_.term_at(previous) != append.previous_term)
    return refuse_append(message, append);
  const bool had_entries = !append.entries.empty();
  if (!store_entries(previous, append.entries)) return refuse_append(message, append);
  commit_up_to(std::max(commit_, std::min({append.commit, matched, log_.last_index()})));
  take_standing(append, true);
  take_grant(append);

  AppendReply reply = reply_to(append.sent);
  reply.accepted = true;
  // What lies before the snapshot's edge was committed, so the primary has it too, except in pair
  // mode.
  const bool certain = matched >= edge || configuration().was_protected;
  reply.match = certain ? std::max(matched, edge) : LogIndex(0);
  if (reply.match <= durable_index_ || !rules.persist_before_reply) {
    return send(message.from, reply, hard_write_);
  }
  if (had_entries)
    return send(message.from, reply, issued_);  // R2: the answer waits for the entries
  reply.match =
      durable_index_;  // a slow disk must not end the primary's lease: report what is durable now
  send(message.from, reply, hard_write_);
}

// Appends new entries and cuts off contradicting ones. False when committed entries would have to
// be cut off, which only happens in pair mode.
bool Node::store_entries(LogIndex previous, std::vector<Entry>& entries) {
  LogIndex index = previous;
  for (auto& entry : entries) {
    index = index.next();
    if (index < log_.snapshot_index()) continue;
    const auto known = log_.term_at(index);
    if (known && *known == entry.term) continue;
    if (known && index <= commit_) {
      TANDEM_ASSERT(!configuration().was_protected);
      return false;
    }
    if (known) truncate_log(index);
    append_to_log(std::move(entry));
  }
  TANDEM_ASSERT(log_.last_index() >= commit_);
  return true;
}

void Node::refuse_append(const Message& message, const Append& append) {
  take_standing(append, false);
  const LogIndex previous = append.previous_index;
  AppendReply reply = reply_to(append.sent);
  reply.rejected = previous;
  TANDEM_ASSERT(previous > commit_ || !configuration().was_protected);
  if (previous > commit_) {
    const bool holds_another = log_.last_index() >= previous;
    reply.match =
        std::max(commit_, holds_another ? log_.before_term_of(previous) : log_.last_index());
  }
  TANDEM_ASSERT(!reply.accepted);
  send(message.from, reply, hard_write_);
}

void Node::on(const Message& message, const InstallSnapshot& install_snapshot) {
  if (role() == Role::primary || install_snapshot.snapshot == nullptr) return;
  const auto& snapshot = install_snapshot.snapshot;
  const bool contradicts = denies_committed(snapshot->index, snapshot->term);
  if (contradicts && configuration().was_protected) return;
  follow(message);
  if (pair_.standing() == Standing::standby)
    pair_.lose();  // a node that needs a snapshot lacks something
  const bool discard = install_snapshot.discard_log && !configuration().was_protected;
  if (disk_fails_ && !answers_without_disk()) return;
  if ((contradicts && !discard) || disk_fails_)
    return send(message.from, reply_to(install_snapshot.sent), hard_write_);
  const bool news = snapshot->index > log_.snapshot_index() || discard;
  const bool begins_anew = discard && snapshot->term.value() == 0;
  const bool plausible =
      snapshot->term <= hard_.term && (snapshot->index.value() > 0 || begins_anew);
  if (news && plausible) install(snapshot, discard);
  AppendReply reply = reply_to(install_snapshot.sent);
  reply.accepted = plausible;
  reply.match = plausible ? snapshot->index : commit_;
  send(message.from, reply, issued_);
}

}  // namespace tandem::core
