// voter_changes.cpp: carrying out, one at a time, what membership.hpp decides (R8).
#include <algorithm>

#include "common/core/node.hpp"
#include "common/core/rules.hpp"

namespace tandem::core {

namespace {
constexpr int joining_patience = 20;  // election timeouts until another candidate is tried
}  // namespace

void Node::change_voters(Primary& primary) {
  TANDEM_ASSERT(configuration().contains(self()));
  if (rules.change_after_own_term && primary.own_first > commit_) return;
  if (rules.one_change_at_a_time && log_.configuration_index() > commit_) return;
  if (primary.handing_over) return;
  // A master that does not vote says so at every heartbeat; what one said long ago may be of an
  // earlier life.
  std::map<NodeId, MemberId> masters;
  for (const auto& [node, known] : known_masters_) {
    if (now_ - known.heard < options_.timing.election_timeout) masters.emplace(node, known.id);
  }
  const auto living = living_voters(primary);
  // An older state may not know yet who registered, nor one that is applied anew after a restart.
  const bool is_known =
      registered_ && (!rules.change_by_applied_state || registered_->applied >= primary.own_first);
  const Electorate electorate{.configuration = configuration(),
                              .masters = masters,
                              .living = living,
                              .registered = is_known ? &*registered_ : nullptr,
                              .pair_failover = options_.pair_failover,
                              .alone = primary.alone};
  const auto change = next_change(electorate, primary.tried);
  const auto* addition = change ? std::get_if<AddVoter>(&*change) : nullptr;
  if (addition != nullptr) return add_voter(primary, *addition);
  if (primary.joining) {
    primary.joining.reset();
    refresh_members(primary);
  }
  if (!change) return;
  if (const auto* removal = std::get_if<RemoveVoter>(&*change)) {
    TANDEM_ASSERT(removal->id != self());
    auto remaining = configuration().without(removal->id);
    if (!has_living_quorum(remaining, living)) return;
    return append_configuration(primary, std::move(remaining));
  }
  Configuration changed = configuration();
  changed.pair = std::get<SetPair>(*change).pair;
  append_configuration(primary, std::move(changed));
}

// Counted by when the answered round was sent: an answer that was long on its way tells of the
// past.
std::set<MemberId> Node::living_voters(const Primary& primary) const {
  std::set<MemberId> living{self()};
  for (const auto& member : primary.members) {
    const bool answered = member.answered != Instant::never() &&
                          now_ - member.answered < options_.timing.election_timeout;
    if (answered && configuration().contains(member.id)) living.insert(member.id);
  }
  TANDEM_ASSERT(living.size() <= configuration().voters.size());
  return living;
}

// First the log, then the vote: a voter that has nothing yet would only make majorities harder to
// reach.
void Node::add_voter(Primary& primary, const AddVoter& addition) {
  TANDEM_ASSERT(!configuration().contains(addition.id));
  if (!primary.joining || primary.joining->id != addition.id) {
    primary.joining = Joining{addition.id, addition.kind, now_};
    return refresh_members(primary);
  }
  const auto joining =
      std::find_if(primary.members.begin(), primary.members.end(),
                   [&](const Progress& member) { return member.id == addition.id; });
  TANDEM_ASSERT(joining != primary.members.end());
  const bool there =
      joining->heard != Instant::never() && now_ - joining->heard < options_.timing.lease();
  const bool caught_up = there && joining->match == log_.last_index();
  if (!caught_up) {
    if (now_ - primary.joining->since < joining_patience * options_.timing.election_timeout) return;
    primary.tried = addition.id;
    primary.joining.reset();
    return refresh_members(primary);
  }
  primary.joining.reset();
  primary.tried = MemberId{};
  append_configuration(
      primary, configuration().with({addition.id, addition.kind, log_.last_index().next()}));
}

void Node::append_configuration(Primary& primary, Configuration changed) {
  TANDEM_ASSERT(changed.contains(self()));
  TANDEM_ASSERT(!rules.one_change_at_a_time || majorities_meet(configuration(), changed));
  append_to_log({log_.last_index().next(), hard_.term, std::move(changed)});
  if (!configuration().pair) primary.alone = false;
  refresh_members(primary);
  advance_commit(primary);
}

// The primary sends to every other voter, and to the one that is joining; what it knows of each is
// kept.
void Node::refresh_members(Primary& primary) {
  std::vector<Progress> members;
  const auto keep = [&](const MemberId& id, VoterKind kind) {
    if (id == self()) return;
    const auto known = std::find_if(primary.members.begin(), primary.members.end(),
                                    [&](const Progress& member) { return member.id == id; });
    if (known != primary.members.end()) return members.push_back(*known);
    members.push_back(
        Progress{.id = id, .kind = kind, .next = LogIndex(log_.last_index().value() + 1)});
  };
  for (const auto& voter : configuration().voters) keep(voter.id, voter.kind);
  if (primary.joining) keep(primary.joining->id, primary.joining->kind);
  TANDEM_ASSERT(members.size() <= limits::voters_max + 1);
  primary.members = std::move(members);
}

}  // namespace tandem::core
