#include "common/core/node.hpp"

#include <algorithm>

#include "common/core/limits.hpp"
#include "common/core/rules.hpp"

namespace tandem::core {

namespace {
const Snapshot& or_empty(const SnapshotPointer& snapshot) {
  static const Snapshot empty;
  return snapshot == nullptr ? empty : *snapshot;
}
}  // namespace

Node::Node(Options options, Stored stored, std::uint64_t seed, Instant now)
    : options_(std::move(options)),
      random_(seed),
      session_((random_.next() >> 11) + 1),
      now_(now),
      hard_(stored.hard_state),
      log_(or_empty(stored.snapshot), std::move(stored.entries)),
      snapshot_(stored.snapshot),
      commit_(log_.snapshot_index()),
      election_due_(now),
      reach_(options_.reach_interval),
      pair_(options_.timing),
      founding_(options_.self.node,
                options_.joins.value() != 0 ? std::vector<NodeId>{} : options_.masters),
      hello_due_(now),
      applied_(log_.snapshot_index()),
      asks_since_(now),
      durable_index_(log_.last_index()) {
  held_grant_.applied(applied_);
  TANDEM_ASSERT(options_.validate().ok());
  TANDEM_ASSERT(hard_.term >= log_.last_term());
  const bool sole_voter = configuration().voters.size() == 1 && configuration().contains(self());
  if (hard_.cluster.value() != 0 && !sole_voter) {
    // Promises from before a restart are not stored, so the voter keeps quiet for as long as any
    // promise can last.
    promise_.keep_quiet(now + options_.timing.election_timeout);
    election_due_ = now + first_wait();
  }
  published_role_ = {Role::follower, hard_.term, MemberId{}};
}

void Node::step(Instant now, Input input, Outputs& outputs) {
  TANDEM_ASSERT(out_ == nullptr);
  now_ = std::max(now_, now);
  outputs.clear();
  out_ = &outputs;
  const Term term_before = hard_.term;
  const LogIndex commit_before = commit_;
  if (pair_.was_stalled(now_)) {
    pair_.lose();
    session_ = SessionId((random_.next() >> 11) + 1);
  }
  std::visit([this](auto& what) { handle(what); }, input);
  conclude();
  out_ = nullptr;
  TANDEM_ASSERT(hard_.term >= term_before);
  TANDEM_ASSERT(commit_ >= commit_before || outputs.restore != nullptr);
  TANDEM_ASSERT(commit_ <= log_.last_index());
}

void Node::handle(Tick) {
  if (auto* primary = as_primary()) return lead(*primary);
  // A voter that campaigns in vain may be asking voters that have all left; masters still know its
  // name.
  const bool votes = hard_.cluster.value() != 0 && configuration().contains(self());
  if (!votes || !ungranted_.empty()) say_hello();
  mind_pair();
  ask_voters();
  if (!can_campaign() || now_ < election_due_ || role() == Role::primary) return;
  if (promise_.binds(self(), now_)) {
    election_due_ = promise_.until();
    return;
  }
  pre_campaign();
}

Instant Node::deadline() const {
  if (const auto* primary = as_primary()) return primary->next_heartbeat;
  Instant due = can_campaign() ? election_due_ : Instant::forever();
  if (configuration().pair && configuration().contains(self()) && !disk_fails_)
    due = std::min(due, pair_.promotion_due());
  if (stands_by()) due = std::min(due, reach_.due(occasion_to_ask(), now_));
  const bool member = hard_.cluster.value() != 0 && configuration().contains(self());
  if (!member && options_.kind == VoterKind::master) due = std::min(due, hello_due_);
  return due;
}

// Checked before anything in a message is believed: it is from our cluster, to our incarnation
// (R9), and of a plausible term.
bool Node::is_for_us(const Message& message) {
  if (message.to.node != self().node || message.from.node == self().node || message.from.empty()) {
    return false;
  }
  const bool is_hello = std::holds_alternative<Hello>(message.body);
  if (is_hello) {
    return message.cluster.value() == 0 || hard_.cluster.value() == 0 ||
           message.cluster == hard_.cluster;
  }
  if (!same_member(message.to, self())) return false;
  if (hard_.cluster.value() == 0) {
    const bool admits = std::holds_alternative<Append>(message.body) ||
                        std::holds_alternative<InstallSnapshot>(message.body);
    const bool expected = options_.joins.value() == 0 || message.cluster == options_.joins;
    if (!admits || message.cluster.value() == 0 || !expected) return false;
    hard_.cluster = message.cluster;  // made durable with the term, below
    persist_hard_state();
    return true;
  }
  TANDEM_ASSERT(hard_.cluster.value() != 0);
  return message.cluster == hard_.cluster;
}

void Node::handle(Message& message) {
  if (!may_be_heeded(message) || !is_for_us(message)) return;
  if (const auto* hello = std::get_if<Hello>(&message.body)) return on(message, *hello);
  const bool has_term = hard_.term.value() > 0;
  if (has_term && message.term.value() > hard_.term.value() + limits::term_jump_max) return;
  if (is_outsiders_term(message)) {
    outside_term_ = std::max(outside_term_, message.term);
    return;
  }
  if (is_about_reach(message)) return reach_.answered(message.from);
  if (message.term > hard_.term) {
    // A candidate that cannot hear the primary does not break a promise to it (Ongaro 2014,
    // §4.2.3).
    const auto* request = std::get_if<VoteRequest>(&message.body);
    if (request == nullptr || !is_promised_against(*request, message.from)) {
      become_follower(message.term, MemberId{});
    }
  }
  if (refuse_lower_term(message)) return;
  dispatch(message);
}

// A node that does not vote in our configuration may have a higher term, for example one that was
// removed while it could not be reached. While a primary is known to lead, such a term does not
// depose it, just as a candidate that cannot hear it does not. While a lease holds, no voter has
// elected another primary, and likewise while a promise lasts. A member that is joining is about to
// vote, so its term counts.
bool Node::is_outsiders_term(const Message& message) const {
  if (message.term <= hard_.term || !rules.outsiders_unseat_nobody) return false;
  if (configuration().empty() || configuration().contains(message.from)) return false;
  if (const auto* primary = as_primary()) {
    return !is_joining(message.from) && now_ < primary->lease.serve_until();
  }
  return !promise_.primary().empty() && promise_.binds(message.from, now_);
}

// R3. True when the message is from a lower term and has been dealt with: a node that leads or
// campaigns in a lower term is told ours, and stops.
bool Node::refuse_lower_term(const Message& message) {
  if (message.term >= hard_.term || !rules.refuse_lower_terms) return false;
  TANDEM_ASSERT(hard_.term.value() > 0);
  if (const auto* append = std::get_if<Append>(&message.body)) {
    send(message.from, reply_to(append->sent));
  } else if (const auto* snapshot = std::get_if<InstallSnapshot>(&message.body)) {
    send(message.from, reply_to(snapshot->sent));
  } else if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    send(message.from, VoteReply{.ballot = request->ballot,
                                 .for_term = request->for_term,
                                 .last_index = log_.last_index(),
                                 .last_term = log_.last_term()});
  }
  return true;
}

void Node::dispatch(Message& message) {
  std::visit([&](auto& body) { on(message, body); }, message.body);
}

void Node::become_follower(Term term, const MemberId& primary) {
  TANDEM_ASSERT(term >= hard_.term);
  if (term > hard_.term) {
    hard_.term = term;
    hard_.vote = MemberId{};
    persist_hard_state();
    pair_.lose();  // the other may have continued without us
  }
  if (role() != Role::follower) election_due_ = now_ + first_wait();
  if (const auto* former = as_primary()) keep_reached(*former);
  role_ = Follower{};
  lender_.reset();
  if (!primary.empty()) ungranted_.clear();
  if (primary_ != primary) last_round_ = Instant::never();
  primary_ = primary;
  TANDEM_ASSERT(primary_ != self());
}

void Node::handle(Durable durable) {
  TANDEM_ASSERT(durable.number <= issued_);
  TANDEM_ASSERT(durable.number >= durable_);
  durable_ = durable.number;
  while (!pending_.empty() && pending_.front().number <= durable_) {
    durable_index_ = pending_.front().last;
    pending_.pop_front();
  }
  TANDEM_ASSERT(durable_index_ <= log_.last_index());
  count_own_vote();
  if (auto* primary = as_primary()) {
    advance_commit(*primary);
    continue_handover();
  }
}

void Node::handle(ConnectionLost lost) {
  auto* primary = as_primary();
  if (primary == nullptr) return;
  for (auto& member : primary->members) {
    if (member.id.node == lost.node) member.restart();
  }
}

void Node::handle(TermReported reported) {
  if (hard_.cluster.value() == 0 && options_.restoration != nullptr) {
    outside_term_ = std::max(outside_term_, reported.term);
    return;
  }
  if (hard_.cluster.value() == 0) {
    remembered_ = std::max(remembered_, reported.term);
    return founding_.heard_of_cluster();
  }
  if (reported.term <= hard_.term) return;
  // Half of the jump that voters accept, since they may be some terms behind.
  if (reported.term.value() > hard_.term.value() + limits::term_jump_max / 2) return;
  // In a pair the other master may have promoted itself, and only workers can say so.
  if (configuration().pair) return become_follower(reported.term, MemberId{});
  if (reported.term <= outside_term_) return;
  outside_term_ = reported.term;
  if (auto* primary = as_primary()) heartbeat(*primary);
}

void Node::handle(Registered& registered) {
  registered_ = std::move(registered);
  TANDEM_ASSERT(registered_->masters.size() <= limits::masters_max);
  std::erase_if(known_masters_, [this](const auto& known) { return !is_listed(known.first); });
}

Term Node::next_term() const { return std::max(hard_.term, outside_term_).next(); }

void Node::handle(SnapshotTaken& taken) {
  // A snapshot at the same index replaces one that was found to differ from the other masters'.
  const bool replaces = snapshot_ != nullptr && taken.index == log_.snapshot_index() &&
                        taken.bytes != snapshot_->bytes;
  if (taken.index <= log_.snapshot_index() && !replaces) return;
  TANDEM_ASSERT(taken.index <= commit_);
  TANDEM_ASSERT(taken.bytes.size() <= limits::snapshot_bytes_max);
  const auto snapshot = std::make_shared<const Snapshot>(
      Snapshot{taken.index, *log_.term_at(taken.index), log_.configuration_at(taken.index),
               std::move(taken.bytes)});
  log_.compact_to(*snapshot);
  snapshot_ = snapshot;
  write().snapshot = snapshot;
  auto* primary = as_primary();
  if (primary == nullptr) return;
  for (auto& member :
       primary->members) {  // witnesses hold the log, but have no state to take a snapshot of
    if (member.kind == VoterKind::witness && member.match >= snapshot->index) send_snapshot(member);
  }
}

void Node::send(const MemberId& to, MessageBody body, WriteNumber after) {
  TANDEM_ASSERT(out_ != nullptr);
  TANDEM_ASSERT(to.node != self().node);
  const auto held_for = until_durable(after);
  if (disk_fails_ && held_for != WriteNumber(0)) return;  // it would wait for an unknown time
  out_->messages.push_back(
      {Message{hard_.cluster, self(), to, hard_.term, std::move(body)}, held_for});
}

// R2: the write that a message waits for; 0 once that is durable.
WriteNumber Node::until_durable(WriteNumber number) const {
  TANDEM_ASSERT(number <= issued_);
  if (!rules.persist_before_reply) return WriteNumber(0);
  return number > durable_ ? number : WriteNumber(0);
}

// The write after which all of the log is durable.
WriteNumber Node::log_write() const {
  if (durable_index_ >= log_.last_index()) return WriteNumber(0);
  const auto holds_all = [&](const PendingWrite& write) { return write.last >= log_.last_index(); };
  const auto found = std::find_if(pending_.begin(), pending_.end(), holds_all);
  return found == pending_.end() ? issued_ : found->number;
}

Write& Node::write() {
  TANDEM_ASSERT(out_ != nullptr);
  if (!out_->write) {
    issued_ = issued_.next();
    out_->write.emplace().number = issued_;
  }
  TANDEM_ASSERT(out_->write->number == issued_);
  return *out_->write;
}

void Node::persist_hard_state() {
  TANDEM_ASSERT(hard_.cluster.value() != 0);
  write().hard_state = hard_;
  hard_write_ = issued_;
}

void Node::append_to_log(Entry entry) {
  TANDEM_ASSERT(entry.term <= hard_.term);
  write().append.push_back(entry);
  log_.append(std::move(entry));
}

void Node::truncate_log(LogIndex from) {
  TANDEM_ASSERT(from > commit_);
  TANDEM_ASSERT(from <= log_.last_index());
  log_.truncate_from(from);
  auto& batch = write();
  TANDEM_ASSERT(batch.append.empty());
  batch.truncate_from = batch.truncate_from ? std::min(*batch.truncate_from, from) : from;
  const LogIndex last(from.value() - 1);
  durable_index_ = std::min(durable_index_, last);
  for (auto& pending : pending_) pending.last = std::min(pending.last, last);
}

void Node::install(const SnapshotPointer& snapshot, bool discard_log) {
  TANDEM_ASSERT(snapshot != nullptr);
  const bool known = !discard_log && log_.term_at(snapshot->index) == snapshot->term;
  TANDEM_ASSERT(discard_log || snapshot->index > log_.snapshot_index());
  if (known) {
    log_.compact_to(*snapshot);
  } else {
    log_.reset_to(*snapshot);
    durable_index_ = LogIndex(0);
    for (auto& pending : pending_) pending.last = LogIndex(0);
  }
  snapshot_ = snapshot;
  auto& batch = write();
  batch.snapshot = snapshot;
  batch.discard_log = !known;
  if (discard_log) pair_.lose();
  if (discard_log) drop_grant();
  if (commit_ < snapshot->index || discard_log) {
    commit_ = snapshot->index;
    out_->restore = snapshot;
    out_->apply.clear();
  }
}

void Node::commit_up_to(LogIndex index) {
  TANDEM_ASSERT(index <= log_.last_index());
  while (commit_ < index) {
    commit_ = commit_.next();
    out_->apply.push_back(log_.at(commit_));
  }
}

void Node::conclude() {
  TANDEM_ASSERT(out_ != nullptr);
  if (disk_fails_) out_->write.reset();
  if (out_->write) pending_.push_back({issued_, log_.last_index()});
  const RoleChange role_now{role(), hard_.term, primary_};
  if (role_now != published_role_) out_->role = published_role_ = role_now;
  const Instant until = serve_until();
  if (until != published_serve_until_) out_->serve_until = published_serve_until_ = until;
  if (held_grant_.until() != published_granted_until_) {
    out_->granted_until = published_granted_until_ = held_grant_.until();
  }
  const LogIndex in_force = this->in_force();
  if (in_force != published_in_force_) out_->in_force = published_in_force_ = in_force;
  const bool takes_snapshots =
      options_.kind == VoterKind::master && commit_ > log_.snapshot_index();
  out_->snapshot_wanted =
      takes_snapshots && (log_.size() > options_.log_entries_max || is_newer_snapshot_needed());
  TANDEM_ASSERT((role() == Role::primary) == (primary_ == self()));
  TANDEM_ASSERT(until == Instant::never() || role() == Role::primary);
}

Instant Node::serve_until() const {
  const auto* primary = as_primary();
  if (primary == nullptr || !primary->announced || primary->own_first > commit_)
    return Instant::never();
  const bool lags = uses_grants() && applied_ < primary->own_first;
  if (lags && rules.primary_serves_by_its_state) return Instant::never();
  if (!rules.lapsed_lease_stops_serving) return Instant::forever();
  return primary->lease.serve_until();
}

bool Node::is_alone() const {
  const auto* primary = as_primary();
  return primary != nullptr && primary->alone;
}

std::optional<Instant> Node::silent_since(const MemberId& member) const {
  const auto* primary = as_primary();
  if (primary == nullptr || member == self()) return std::nullopt;
  Instant since = primary->elected;
  for (const auto& progress : primary->members) {
    if (progress.id == member) since = std::max(since, progress.answered);
  }
  if (now_ - since < options_.timing.election_timeout) return std::nullopt;
  return since;
}

bool Node::has_answered(const MemberId& member) const {
  const auto* primary = as_primary();
  if (primary == nullptr) return false;
  if (member == self()) return true;
  return std::any_of(primary->members.begin(), primary->members.end(), [&](const auto& progress) {
    return progress.id == member && progress.answered != Instant::never();
  });
}

bool Node::is_joining(const MemberId& member) const {
  const auto* primary = as_primary();
  return primary != nullptr && primary->joining && primary->joining->id == member;
}

LogIndex Node::match_index(const MemberId& member) const {
  const auto* primary = as_primary();
  if (primary == nullptr) return LogIndex(0);
  if (member == self()) return durable_index_;
  for (const auto& progress : primary->members) {
    if (progress.id == member) return progress.match;
  }
  return LogIndex(0);
}

}  // namespace tandem::core
