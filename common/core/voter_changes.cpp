// voter_changes.cpp: carries out what membership.hpp decides, one change at a time (R8).
#include <algorithm>

#include "common/core/limits.hpp"
#include "common/core/node.hpp"
#include "common/core/rules.hpp"

namespace tandem::core {

namespace {
constexpr int joining_patience = 20;  // election timeouts until another candidate is tried
}  // namespace

void Node::change_voters(Primary& primary) {
  TANDEM_ASSERT(configuration().contains(self()));
  if (rules.change_after_own_term && primary.own_first > commit_) return;
  if (rules.one_change_at_a_time && !are_voters_committed()) return;
  if (primary.handing_over) return;
  const auto masters = masters_that_ask(primary);
  const auto living = voters_heard(primary, now_ - options_.timing.election_timeout);
  const Electorate electorate{.configuration = configuration(),
                              .masters = masters,
                              .living = living,
                              .registered = registered(primary),
                              .self = self(),
                              .pair_failover = options_.pair_failover,
                              .alone = primary.alone,
                              .other_is_out = is_other_out()};
  const auto change = next_change(electorate, primary.tried);
  const auto* removal = change ? std::get_if<RemoveVoter>(&*change) : nullptr;
  if (removal == nullptr) primary.removing.reset();
  const auto* addition = change ? std::get_if<AddVoter>(&*change) : nullptr;
  if (addition != nullptr) return add_voter(primary, *addition);
  stop_joining(primary);
  if (!change) {
    primary.dismisses = false;
    return;
  }
  if (removal != nullptr) return remove_voter(primary, removal->id, living);
  Configuration changed = configuration();
  if (const auto* switched = std::get_if<SetGrants>(&*change)) {
    if (!switched->grants && !primary.grants.are_over(now_)) return;  // no more are given
    changed.grants = switched->grants;
    return append_configuration(primary, std::move(changed));
  }
  changed.pair = std::get<SetPair>(*change).pair;
  if (!changed.pair && !has_standby_stood_down(primary)) return;
  // A pair by an operator's command: both have that configuration before this one takes effect, so
  // no earlier configuration has a majority without them.
  if (changed.pair) changed.was_protected = false;
  append_configuration(primary, std::move(changed));
}

// A state that is older, or is being applied again after a restart, may not know yet who is
// registered. A state that is not older has applied an entry of this primary's term, so the first
// rule is implied.
const Registered* Node::registered(const Primary& primary) const {
  const bool asked = rules.change_by_applied_state && rules.change_after_own_term;
  const bool is_known = registered_ && (!asked || registered_->applied >= primary.own_first);
  return is_known ? &*registered_ : nullptr;
}

// A master that does not vote says hello at every heartbeat; an old Hello may come from an earlier
// incarnation.
std::map<NodeId, MemberId> Node::masters_that_ask(const Primary& primary) const {
  const auto* state = registered(primary);
  const bool by_options = !registered_ || (state != nullptr && state->masters.empty());
  const auto belongs = [&](const NodeId& node) {
    if (by_options) return true;
    return state != nullptr && stays(*state, configuration(), node);
  };
  std::map<NodeId, MemberId> masters;
  for (const auto& [node, known] : known_masters_) {
    const bool asks = now_ - known.heard < options_.timing.election_timeout;
    if (asks && belongs(node)) masters.emplace(node, known.id);
  }
  return masters;
}

void Node::stop_joining(Primary& primary) {
  if (!primary.joining) return;
  primary.joining.reset();
  refresh_members(primary);
}

// Who answered lately may have died since, and the voters that remain may not be able to do without
// it: so they are asked again, once the removal is decided.
void Node::remove_voter(Primary& primary, const MemberId& id, const std::set<MemberId>& living) {
  auto remaining = configuration().without(id);
  if (!has_living_quorum(remaining, living)) return;
  if (id == self()) return handle(HandOver{});  // the successor removes this one
  if (!has_standby_stood_down(primary)) return;
  if (!primary.removing || primary.removing->id != id) primary.removing = Removing{id, now_};
  if (!has_living_quorum(remaining, voters_heard(primary, primary.removing->since))) return;
  const Voter voter = *configuration().find(id);
  if (!may_be_removed(primary, voter)) return;
  if (voter.kind == VoterKind::master && !configuration().is_superseded(voter)) {
    if (primary.leaving.size() >= limits::masters_max)
      primary.leaving.erase(primary.leaving.begin());
    primary.leaving.push_back({id, now_});
  }
  append_configuration(primary, std::move(remaining));
}

// A pair's standby may promote itself when it hears nothing more, according to the configuration
// that it has. So before there is another configuration, which could continue without it, it must
// have answered that it may not. True when it has, or when there is no such standby.
bool Node::has_standby_stood_down(Primary& primary) {
  if (!configuration().pair || primary.alone || !rules.pair_ends_with_both) return true;
  primary.dismisses = true;
  return std::all_of(primary.members.begin(), primary.members.end(), [&](const Progress& member) {
    return !configuration().contains(member.id) || member.answered > member.allowed;
  });
}

// A standby that has answered a round of this term has lost its standing, because a primary that is
// alone grants none. So has one whose process has ended since: its next session begins without it.
bool Node::is_other_out() const {
  const auto* primary = as_primary();
  if (primary == nullptr || !primary->alone) return false;
  return std::all_of(primary->members.begin(), primary->members.end(), [&](const Progress& member) {
    const bool is_out =
        member.answered != Instant::never() || member.connection_refused >= primary->elected;
    return is_out || !configuration().contains(member.id);
  });
}

// A removed master is sent the log while it answers.
void Node::mind_leaving(Primary& primary) {
  const auto gone = [&](const Leaving& leaving) {
    const auto member =
        std::find_if(primary.members.begin(), primary.members.end(),
                     [&](const Progress& progress) { return progress.id == leaving.id; });
    TANDEM_ASSERT(member != primary.members.end());
    const Instant heard = std::max(member->heard, leaving.since);
    return now_ - heard > 2 * options_.timing.election_timeout;
  };
  const auto ended = std::erase_if(primary.leaving, gone);
  if (ended > 0) refresh_members(primary);
}

// A removed master may ask for votes, because it does not know yet that it was removed, or say
// hello, because it does not know who leads. Then it is sent the log as well.
void Node::lead_removed(const MemberId& master) {
  auto* primary = as_primary();
  const auto* state = primary == nullptr ? nullptr : registered(*primary);
  if (state == nullptr || state->masters.empty()) return;
  if (stays(*state, configuration(), master.node)) return;
  if (configuration().current(master.node) != nullptr) return;
  const bool is_led =
      std::any_of(primary->members.begin(), primary->members.end(),
                  [&](const Progress& member) { return member.id.node == master.node; });
  if (is_led || primary->leaving.size() >= limits::masters_max) return;
  primary->leaving.push_back({master, now_});
  refresh_members(*primary);
}

// This node, and the voters that have answered a round that was sent at `since` or later: a late
// answer says nothing about the present.
std::set<MemberId> Node::voters_heard(const Primary& primary, Instant since) const {
  std::set<MemberId> heard{self()};
  for (const auto& member : primary.members) {
    const bool answered = member.answered != Instant::never() && member.answered >= since;
    if (answered && configuration().contains(member.id)) heard.insert(member.id);
  }
  TANDEM_ASSERT(heard.size() <= configuration().voters.size());
  return heard;
}

// It gets the log before it becomes a voter: a voter with an empty log would only make majorities
// harder to reach. One that answered lately may have died since, and its disk with it, so it is
// asked again, once the addition is decided.
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
  if (!there) primary.joining->decided.reset();
  if (!caught_up) {
    if (now_ - primary.joining->since < joining_patience * options_.timing.election_timeout) return;
    primary.tried = addition.id;
    primary.joining.reset();
    return refresh_members(primary);
  }
  if (!has_standby_stood_down(primary)) return;
  if (!primary.joining->decided) primary.joining->decided = now_;
  if (joining->answered <= *primary.joining->decided) return;
  primary.joining.reset();
  primary.tried = MemberId{};
  std::erase_if(primary.leaving, [&](const Leaving& leaving) {
    return leaving.id.node == addition.id.node;  // it is back
  });
  append_configuration(
      primary, configuration().with({addition.id, addition.kind, log_.last_index().next()}));
}

void Node::append_configuration(Primary& primary, Configuration changed) {
  TANDEM_ASSERT(changed.contains(self()));
  TANDEM_ASSERT(!rules.one_change_at_a_time || majorities_meet(configuration(), changed));
  append_to_log({log_.last_index().next(), hard_.term, std::move(changed)});
  if (!configuration().pair) primary.alone = false;
  primary.dismisses = false;
  primary.removing.reset();
  refresh_members(primary);
  advance_commit(primary);
}

// The primary sends to all other voters, to the member that is joining, and to those that are
// leaving; what it knows about each is kept.
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
  std::erase_if(primary.leaving, [&](const Leaving& leaving) {
    return std::any_of(members.begin(), members.end(),
                       [&](const Progress& member) { return member.id == leaving.id; });
  });
  for (const auto& leaving : primary.leaving) keep(leaving.id, VoterKind::master);
  TANDEM_ASSERT(members.size() <= limits::voters_max + 1 + limits::masters_max);
  primary.members = std::move(members);
  primary.grants.keep_only(configuration());
}

}  // namespace tandem::core
