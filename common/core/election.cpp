// election.cpp: campaigning and voting.
#include <algorithm>

#include "common/core/limits.hpp"
#include "common/core/node.hpp"
#include "common/core/rules.hpp"

namespace tandem::core {

namespace {
void add_once(std::vector<MemberId>& members, const MemberId& member) {
  if (std::find(members.begin(), members.end(), member) == members.end()) members.push_back(member);
}
}  // namespace

bool Node::can_campaign() const {
  return options_.kind == VoterKind::master && hard_.cluster.value() != 0 && may_lead() &&
         !disk_fails_;
}

// True when the configuration has this incarnation of the node as a master.
bool Node::may_lead() const {
  const Voter* voter = configuration().current(self().node);
  return voter != nullptr && voter->kind == VoterKind::master && same_member(voter->id, self());
}

// A standby waits until its own promise has ended; several standbys wait for different times, so
// that one of them is first.
Duration Node::first_wait() {
  const auto masters = std::max<std::size_t>(configuration().count(VoterKind::master), 1);
  const Duration spread = options_.timing.election_timeout / 10 * static_cast<int>(masters - 1);
  TANDEM_ASSERT(spread >= Duration::zero());
  return options_.timing.election_timeout + random_.up_to(spread);
}

// The wait after a campaign that nobody won.
Duration Node::retry_wait() {
  return options_.timing.heartbeat + random_.up_to(options_.timing.election_timeout);
}

void Node::pre_campaign() {
  TANDEM_ASSERT(can_campaign());
  TANDEM_ASSERT(role() != Role::primary);
  const Term for_term = next_term();
  note_ungranted();
  role_ = PreCandidate{for_term, {self()}};
  primary_ = MemberId{};
  election_due_ = now_ + retry_wait();
  if (won({self()})) return campaign(false);
  for (const auto& voter : configuration().voters) {
    if (voter.id.node != self().node) request_vote(voter.id, Ballot::pre_vote, for_term, false);
  }
}

void Node::campaign(bool handover) {
  TANDEM_ASSERT(can_campaign());
  hard_.term = next_term();
  hard_.vote = self();
  persist_hard_state();
  role_ = Candidate{{}, issued_, false};
  primary_ = MemberId{};
  election_due_ = now_ + retry_wait();
  for (const auto& voter : configuration().voters) {
    if (voter.id.node != self().node) request_vote(voter.id, Ballot::vote, hard_.term, handover);
  }
  count_own_vote();
  TANDEM_ASSERT(role() == Role::candidate || !rules.persist_before_reply ||
                !rules.own_vote_is_durable);
}

void Node::request_vote(const MemberId& voter, Ballot ballot, Term for_term, bool handover) {
  TANDEM_ASSERT(for_term > log_.last_term());
  const VoteRequest request{ballot, for_term, log_.last_index(), log_.last_term(), handover};
  // What a candidate states about its log must be durable (R2): a vote given for entries that the
  // candidate then loses would be a vote for a less complete log after its restart. Its own vote
  // may still be on the way to the disk, since nothing depends on it before the candidate leads
  // (is_elected).
  send(voter, request, log_write());
}

// A candidate leads only with its term and its own vote on its disk. If it is killed before that,
// it has led nobody in that term: the votes for it count for nobody else, and when it asks for them
// again in the same term, its log is as complete as the one they were given for.
bool Node::is_elected(const Candidate& candidate) const {
  return has_own_vote(candidate) && (candidate.alone || won(candidate.granted));
}

bool Node::has_own_vote(const Candidate& candidate) const {
  return !rules.own_vote_is_durable || until_durable(candidate.vote_write) == WriteNumber(0);
}

bool Node::is_promised_against(const VoteRequest& request, const MemberId& candidate) const {
  if (request.handover) return false;
  if (const auto* primary = as_primary()) {
    return primary->alone || now_ < primary->lease.serve_until();
  }
  return promise_.binds(candidate, now_);
}

void Node::on(const Message& message, const VoteRequest& request) {
  lead_removed(message.from);
  const bool complete =
      !rules.up_to_date_log_wins || log_.is_covered_by(request.last_index, request.last_term);
  const bool promised = is_promised_against(request, message.from);
  VoteReply reply{.ballot = request.ballot,
                  .for_term = request.for_term,
                  .promised_for = promised ? promise_.left(now_) : Duration::zero(),
                  .last_index = log_.last_index(),
                  .last_term = log_.last_term()};
  if (request.ballot == Ballot::pre_vote) {
    reply.granted = request.for_term > hard_.term && complete && !promised;
    return send(message.from, reply, hard_write_);
  }
  const bool free = hard_.vote.empty() || hard_.vote == message.from || !rules.one_vote_per_term;
  const bool this_term = request.for_term == hard_.term || !rules.refuse_lower_terms;
  reply.granted = this_term && free && complete && !promised && role() != Role::primary;
  if (reply.granted) {
    if (hard_.vote != message.from) {
      hard_.vote = message.from;
      persist_hard_state();
    }
    election_due_ = now_ + first_wait();
  }
  TANDEM_ASSERT(!reply.granted || hard_.vote == message.from);
  send(message.from, reply, hard_write_);
}

void Node::on(const Message& message, const VoteReply& reply) {
  auto* pre = std::get_if<PreCandidate>(&role_);
  auto* candidate = std::get_if<Candidate>(&role_);
  if (!configuration().contains(message.from))
    return;  // R9: not a voter, or an earlier incarnation of a voter
  if (reply.granted && reply.ballot == Ballot::pre_vote) {
    if (pre == nullptr || reply.for_term != pre->for_term) return;
    add_once(pre->granted, message.from);
    if (won(pre->granted)) campaign(false);
    return;
  }
  if (reply.granted) {
    if (candidate == nullptr || candidate->alone) return;
    if (reply.for_term != hard_.term && rules.refuse_lower_terms) return;
    add_once(candidate->granted, message.from);
    if (is_elected(*candidate)) become_primary(false);
    return;
  }
  if (pre == nullptr && (candidate == nullptr || candidate->alone)) return;
  if (reply.promised_for > Duration::zero() &&
      reply.promised_for <= options_.timing.election_timeout) {
    election_due_ = std::min(election_due_, now_ + reply.promised_for + Duration(1ms));
  }
  borrow_log(message.from, reply.last_index, reply.last_term);
}

bool Node::won(const std::vector<MemberId>& granted) const {
  std::size_t votes = 0;
  for (const auto& voter : configuration().voters) {
    votes += std::any_of(granted.begin(), granted.end(),
                         [&](const MemberId& member) { return same_member(member, voter.id); });
  }
  TANDEM_ASSERT(votes <= configuration().voters.size());
  // The entries that were borrowed meanwhile may have removed this node from the configuration.
  return may_lead() && votes >= configuration().quorum();
}

// A candidate's vote for itself is a vote like any other: it counts when it is durable (R2).
void Node::count_own_vote() {
  auto* candidate = std::get_if<Candidate>(&role_);
  if (candidate == nullptr || !has_own_vote(*candidate)) return;
  TANDEM_ASSERT(hard_.vote == self());
  add_once(candidate->granted, self());
  if (is_elected(*candidate)) become_primary(candidate->alone);
}

// ---- log lending: a witness may be the only one left that holds a committed entry
// -------------------------
//
// A voter with a more complete log cannot vote for us (R4), and a witness cannot lead itself. So a
// candidate copies the entries that it lacks from the voter's log. This is safe: where our log
// contradicts a more complete one, our entries were never committed, because every later primary
// would have had them; and a primary once wrote the copied entries, so logs still match. Copying
// commits no entry.

void Node::borrow_log(const MemberId& lender, LogIndex last_index, Term last_term) {
  TANDEM_ASSERT(role() == Role::pre_candidate || role() == Role::candidate);
  if (!log_.is_behind(last_index, last_term)) return;
  const bool silent = lender_ && now_ - lender_->at > options_.timing.election_timeout;
  const bool better = lender_ && std::pair(last_term, last_index) >
                                     std::pair(lender_->last_term, lender_->last_index);
  if (lender_ && !silent && !better) return;
  lender_ = Lender{lender, last_index, last_term, LogIndex(0), now_};
  fetch_log(log_.last_index());
}

void Node::fetch_log(LogIndex previous) {
  TANDEM_ASSERT(lender_.has_value());
  previous = std::clamp(previous, commit_, log_.last_index());
  lender_->asked = previous;
  lender_->at = now_;
  send(lender_->id, FetchLog{previous, *log_.term_at(previous)});
}

void Node::on(const Message& message, const FetchLog& fetch) {
  if (role() == Role::primary) return;  // it will hear from us, as our follower
  LogExcerpt excerpt{.last_index = log_.last_index(), .last_term = log_.last_term()};
  const auto term_here = log_.term_at(fetch.previous_index);
  excerpt.matched = term_here && *term_here == fetch.previous_term;
  excerpt.asked = excerpt.previous_index = fetch.previous_index;
  excerpt.previous_term = fetch.previous_term;
  const bool too_old = !excerpt.matched && fetch.previous_index <= log_.snapshot_index();
  if (excerpt.matched && fetch.previous_index < log_.last_index()) {
    excerpt.entries = log_.slice(fetch.previous_index.next(), options_.append_entries_max,
                                 limits::append_bytes_max);
  } else if (too_old) {
    excerpt.snapshot = snapshot_;
  } else if (!excerpt.matched) {
    excerpt.previous_index =
        term_here ? log_.before_term_of(fetch.previous_index) : log_.last_index();
    excerpt.previous_term = *log_.term_at(excerpt.previous_index);
  }
  TANDEM_ASSERT(excerpt.snapshot == nullptr || excerpt.entries.empty());
  send(message.from, std::move(excerpt));
}

void Node::on(const Message& message, LogExcerpt& excerpt) {
  const bool campaigning = role() == Role::pre_candidate || role() == Role::candidate;
  const bool expected = lender_ && message.from == lender_->id && excerpt.asked == lender_->asked;
  if (!campaigning || !expected || !log_.is_behind(excerpt.last_index, excerpt.last_term)) return;
  if (!are_plausible(excerpt.previous_index, excerpt.previous_term, excerpt.entries)) return;
  // After the excerpt our log may have entries that contradict the lender's.
  const LogIndex copied(excerpt.previous_index.value() + excerpt.entries.size());
  if (excerpt.snapshot != nullptr) {
    if (excerpt.snapshot->index <= commit_ || excerpt.snapshot->term > hard_.term) return;
    install(excerpt.snapshot, false);
  } else if (!excerpt.matched) {
    // Committed entries always match, except between two masters that continued without each other
    // (pair mode).
    if (excerpt.asked <= commit_ || excerpt.asked <= excerpt.previous_index) return;
    return fetch_log(excerpt.previous_index);
  } else {
    const bool matches = log_.term_at(excerpt.previous_index) == excerpt.previous_term;
    if (!matches || excerpt.entries.empty()) return;
    if (configuration().was_protected &&
        denies_committed(excerpt.previous_index, excerpt.previous_term, excerpt.entries)) {
      return;
    }
    if (!store_entries(excerpt.previous_index, excerpt.entries)) return;
  }
  const bool complete =
      log_.last_index() == excerpt.last_index && log_.last_term() == excerpt.last_term;
  if (!complete) return fetch_log(excerpt.snapshot == nullptr ? copied : log_.last_index());
  lender_.reset();
  role_ = Follower{};
  if (can_campaign()) pre_campaign();
}

// ---- shortcuts: a planned hand-over, and a primary whose process is gone
// -----------------------------------

void Node::on(const Message& message, const TimeoutNow&) {
  if (message.from != primary_ || message.term != hard_.term || !can_campaign()) return;
  TANDEM_ASSERT(role() != Role::primary);
  promise_.drop();
  campaign(true);
}

void Node::on(const Message& message, const Released&) {
  const auto* pre = std::get_if<PreCandidate>(&role_);
  if (pre == nullptr || !configuration().contains(message.from)) return;
  request_vote(message.from, Ballot::pre_vote, pre->for_term, false);
}

void Node::handle(ConnectionRefused refused) {
  if (refused.attempted > now_) return;
  if (auto* primary = as_primary()) {
    for (auto& member : primary->members) {
      if (member.id.node == refused.node) member.connection_refused = refused.attempted;
    }
  }
  if (const auto* primary = as_primary();
      primary != nullptr && configuration().pair && !primary->alone) {
    if (!options_.pair_failover || disk_fails_) return;
    for (const auto& member : primary->members) {
      const bool gone = member.id.node == refused.node && refused.attempted > member.heard;
      if (gone && configuration().contains(member.id)) return promote_alone();
    }
    return;
  }
  // A primary that was heard after the attempt began is another process than the one that refused.
  if (promise_.primary().node != refused.node || refused.attempted <= promised_at_) return;
  if (role() == Role::primary) return;
  promise_.drop();
  if (primary_.node != refused.node) return;
  primary_ = MemberId{};
  for (const auto& voter : configuration().voters) {
    const bool may_campaign = voter.kind == VoterKind::master && voter.id.node != self().node &&
                              voter.id.node != refused.node;
    if (may_campaign) send(voter.id, Released{});
  }
  if (!can_campaign()) return;
  if (configuration().pair && pair_.standing() == Standing::standby) return promote_alone();
  const bool rivals = configuration().count(VoterKind::master) > 2;
  election_due_ =
      now_ + (rivals ? random_.up_to(options_.timing.heartbeat / 10) : Duration::zero());
  if (now_ >= election_due_) pre_campaign();
}

// ---- pair mode (see pair_mode.hpp)
// ---------------------------------------------------------------------------

void Node::mind_pair() {
  if (disk_fails_) return;  // its standing counts only when it can write again
  if (!configuration().pair || !options_.pair_failover || !can_campaign()) return pair_.lose();
  const bool waiting = role() != Role::primary && pair_.standing() != Standing::out_of_sync;
  if (waiting && now_ >= pair_.promotion_due()) promote_alone();
}

void Node::promote_alone() {
  TANDEM_ASSERT(configuration().pair);
  TANDEM_ASSERT(can_campaign());
  hard_.term = self_promotion_term(configuration(), self(), std::max(hard_.term, outside_term_));
  hard_.vote = self();
  persist_hard_state();
  pair_.lose();
  promise_.drop();
  lender_.reset();  // it asks for nobody's vote, so nobody's log may change its configuration
  role_ = Candidate{{}, issued_, true};
  primary_ = MemberId{};
  election_due_ = now_ + first_wait();
  count_own_vote();
}

}  // namespace tandem::core
