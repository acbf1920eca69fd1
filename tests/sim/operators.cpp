// operators.cpp: operators that add, remove and replace masters, as the control API lets them, and
// start new ones with an empty directory.
#include <algorithm>

#include "common/core/limits.hpp"
#include "tests/sim/shell_rules.hpp"
#include "tests/sim/world.hpp"

namespace tandem::sim {

namespace {
// The longest pause between two changes of the masters. A pair is one for a moment only.
constexpr Duration operator_pause_max = 12s;
constexpr Duration pair_pause_max = 4s;
constexpr Duration going_max = 3s;  // from an operator's word until it is committed
}  // namespace

// Whether the committed state counts it among the masters; before that, whether it is a founder.
bool World::belongs(const Machine& master) const {
  const auto& masters = checker_.state().masters();
  if (masters.empty()) return std::count(founders_.begin(), founders_.end(), master.index) > 0;
  return masters.contains(master.index);
}

// A founder's flags never change; who joins asks a master that belongs.
std::vector<core::NodeId> World::masters_told(const Machine& machine) const {
  std::vector<core::NodeId> masters;
  for (const auto& other : machines_) {
    const bool founder = std::count(founders_.begin(), founders_.end(), other.index) > 0;
    const bool told = machine.joins ? belongs(other) : founder;
    if (other.is_master && (told || other.index == machine.index)) masters.push_back(other.id);
  }
  return masters;
}

// 0 while there is none.
core::ClusterId World::cluster_id() const {
  for (const auto& machine : machines_) {
    const auto id = machine.disk.stored().hard_state.cluster;
    if (id.value() != 0) return id;
  }
  return core::ClusterId(0);
}

// The master that would answer an operator; null when none would.
Machine* World::who_answers() {
  const auto leader = std::find_if(machines_.begin(), machines_.end(), [&](const Machine& machine) {
    return machine.has_caught_up() && machine.would_serve(now_);
  });
  return leader == machines_.end() ? nullptr : &*leader;
}

// Whether a voter has lost its disk, even if nobody has noticed: then no master is removed, for no
// protocol survives both.
bool World::has_lost_disk(const core::Configuration& configuration) const {
  return std::any_of(configuration.voters.begin(), configuration.voters.end(),
                     [&](const core::Voter& voter) {
                       const auto& machine = machines_[find(voter.id.node.name())];
                       return machine.incarnation != voter.id.incarnation;
                     });
}

void World::operate() {
  plan(between(0s, profile_.witnesses ? operator_pause_max : pair_pause_max), EventKind::operate,
       0);
  auto* leader = who_answers();
  if (!faults_on_ || leader == nullptr) return;
  std::vector<std::uint32_t> inside, outside;
  for (const auto& machine : machines_) {
    if (!machine.is_master) continue;
    (leader->process.state.masters().contains(machine.index) ? inside : outside)
        .push_back(machine.index);
  }
  disturb(*leader);
  if (inside.empty() || has_lost_disk(leader->process.node->configuration())) return;
  const auto any_of = [&](const auto& some) { return some[random_.below(some.size())]; };
  if (random_.below(3) == 0) {
    const auto goes = any_of(inside);
    note(machines_[goes], "*** is to leave");
    master_goes_until_ = now_ + going_max;
    return propose_own(*leader, StateMachine::expel(goes));
  }
  if (outside.empty() || inside.size() >= limits::masters_max) return;
  const auto comes = any_of(outside);
  const bool replaces = random_.below(2) == 0;
  const auto goes = replaces ? std::optional(any_of(inside)) : std::nullopt;
  note(machines_[comes], replaces ? "*** is to join in another's place" : "*** is to join");
  if (replaces) master_goes_until_ = now_ + going_max;
  bring(machines_[comes], *leader);
  propose_own(*leader, StateMachine::admit(comes, goes));
}

// With an empty directory, if the primary says that nothing counts on the one that it has, or with
// what that holds from an earlier time.
void World::bring(Machine& comer, const Machine& leader) {
  comer.joins = true;
  if (!is_said_to_be_gone(comer, leader) || random_.below(3) == 0) return;
  thaw(comer);
  stop(comer, true);
  lose_disk(comer);
  start(comer.index);
}

// A removed master that was left running has reached a higher term, with the help of other removed
// masters.
void World::disturb(const Machine& leader) {
  const auto& stranger = machines_[random_.below(master_ids_.size())];
  const auto& node = *leader.process.node;
  const auto& voters = node.configuration().voters;
  const auto& to = voters[random_.below(voters.size())].id;
  const bool handover = random_.below(2) == 0;
  const Term term(node.term().value() + 1 + random_.below(2));
  if (belongs(stranger) || node.configuration().current(stranger.id) != nullptr) return;
  core::Message message{cluster_id(), stranger.member(), to, term, core::AppendReply{}};
  if (random_.below(2) == 0) {
    message.body = core::VoteRequest{core::Ballot::vote, term, LogIndex(1), Term(1), handover};
  }
  transmit(stranger.index, find(to.node.name()), std::move(message));
}

// A hurried operator clears the machine and uses it for something else at once.
void World::clear_away() {
  const auto* leader = who_answers();
  if (!faults_on_ || leader == nullptr) return;
  for (auto& machine : machines_) {
    const bool was_one = machine.is_master && machine.disk.stored().hard_state.term.value() > 0;
    const bool belongs = leader->process.state.masters().contains(machine.index);
    if (!was_one || belongs || !is_said_to_be_gone(machine, *leader)) continue;
    note(machine, "*** is cleared away");
    thaw(machine);
    stop(machine, true);
    lose_disk(machine);
    machine.joins = true;
    start(machine.index);
  }
}

bool World::is_said_to_be_gone(const Machine& master, const Machine& leader) const {
  const auto& node = *leader.process.node;
  const bool votes = node.configuration().current(master.id) != nullptr;
  return !votes && (node.are_voters_committed() || !shell_rules.gone_when_committed);
}

// A primary records who the masters are when the state does not say so, and removes those that were
// replaced.
void World::tend_masters(Machine& master) {
  if (!master.has_caught_up()) return;
  const auto masters = master.process.state.masters();
  if (masters.empty()) return propose_own(master, StateMachine::found(founders_));
  for (const auto& [comer, replaces] : masters) {
    const auto& configuration = master.process.node->configuration();
    const bool came = configuration.current(machines_[comer].id) != nullptr;
    const bool is_over = replaces && came && masters.contains(*replaces) && *replaces != comer;
    if (is_over && master.is_primary()) propose_own(master, StateMachine::expel(*replaces));
  }
}

}  // namespace tandem::sim
