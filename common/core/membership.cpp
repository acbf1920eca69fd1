#include "common/core/membership.hpp"

#include <algorithm>

#include "common/base/assert.hpp"
#include "common/core/limits.hpp"

namespace tandem::core {

namespace {

using Candidates = std::vector<const WitnessCandidate*>;

bool is_registered(const Registered& registered, const MemberId& id) {
  return std::any_of(registered.candidates.begin(), registered.candidates.end(),
                     [&](const WitnessCandidate& candidate) { return candidate.id == id; });
}

// The voter whose absence costs least: the last of those that are not heard, or else the last of
// all.
const MemberId& least_needed(const std::vector<MemberId>& voters,
                             const std::set<MemberId>& living) {
  TANDEM_ASSERT(!voters.empty());
  const auto silent = std::find_if(voters.rbegin(), voters.rend(),
                                   [&](const MemberId& voter) { return !living.contains(voter); });
  return silent == voters.rend() ? voters.back() : *silent;
}

// The number of voters on the candidate's host.
std::size_t crowd_at(const Electorate& electorate, const WitnessCandidate& candidate) {
  const auto& registered = *electorate.registered;
  auto crowd = static_cast<std::size_t>(
      std::count(registered.master_hosts.begin(), registered.master_hosts.end(), candidate.host));
  for (const auto& other : registered.candidates) {
    if (other.host == candidate.host && electorate.configuration.contains(other.id)) ++crowd;
  }
  return crowd;
}

std::optional<VoterChange> superseded_removal(const Configuration& configuration) {
  for (const auto& voter : configuration.voters) {
    const bool last_incarnation = !configuration.is_superseded(voter);
    if (!last_incarnation && configuration.voters.size() > 1) return RemoveVoter{voter.id};
  }
  return std::nullopt;
}

// The master that it replaces, by the operator's command; empty: none.
NodeId replaced_by(const Electorate& electorate, const NodeId& node) {
  if (electorate.registered == nullptr) return {};
  for (const auto& master : electorate.registered->masters) {
    if (master.node == node) return master.replaces;
  }
  return {};
}

std::optional<VoterChange> master_addition(const Electorate& electorate, const MemberId& tried) {
  const auto& configuration = electorate.configuration;
  if (configuration.voters.size() > limits::voters_max) return std::nullopt;
  for (const auto& [node, id] : electorate.masters) {
    if (configuration.find(id) != nullptr || id == tried) continue;
    const auto replaced = replaced_by(electorate, node);
    const bool replaces = configuration.current(node) != nullptr ||
                          (!replaced.empty() && configuration.current(replaced) != nullptr);
    if (!electorate.alone || replaces) return AddVoter{id, VoterKind::master};
  }
  return std::nullopt;
}

// Voting masters that must leave. The primary comes last, because it has to hand over first.
std::vector<MemberId> leaving_masters(const Electorate& electorate) {
  std::vector<MemberId> leaving;
  const auto* registered = electorate.registered;
  if (registered == nullptr || registered->masters.empty()) return leaving;
  bool primary_leaves = false;
  for (const auto& voter : electorate.configuration.voters) {
    if (voter.kind != VoterKind::master) continue;
    if (stays(*registered, electorate.configuration, voter.id.node)) continue;
    if (voter.id == electorate.self) {
      primary_leaves = true;
    } else {
      leaving.push_back(voter.id);
    }
  }
  if (primary_leaves && leaving.empty()) leaving.push_back(electorate.self);
  return leaving;
}

// Live candidates that do not vote yet, best first.
Candidates additions(const Electorate& electorate, const MemberId& tried) {
  Candidates found;
  for (const auto& candidate : electorate.registered->candidates) {
    if (candidate.live && !electorate.configuration.contains(candidate.id))
      found.push_back(&candidate);
  }
  std::sort(found.begin(), found.end(), [&](const auto* a, const auto* b) {
    const auto rank = [&](const WitnessCandidate& candidate) {
      return std::pair(candidate.id == tried, crowd_at(electorate, candidate));
    };
    return rank(*a) != rank(*b) ? rank(*a) < rank(*b) : a->id < b->id;
  });
  return found;
}

// The witnesses, and how many there should be beside the masters that stay.
struct Witnesses {
  std::vector<MemberId> kept, gone;  // voting witnesses: registered or not
  std::size_t wanted = 0;
  bool is_lone_master = false;  // one master stays, and no other
};

Witnesses witnesses_of(const Electorate& electorate, std::size_t leaving) {
  const auto& configuration = electorate.configuration;
  const auto& registered = *electorate.registered;
  Witnesses witnesses;
  for (const auto& voter : configuration.voters) {
    if (voter.kind != VoterKind::witness) continue;
    (is_registered(registered, voter.id) ? witnesses.kept : witnesses.gone).push_back(voter.id);
  }
  const auto outside = static_cast<std::size_t>(std::count_if(
      registered.candidates.begin(), registered.candidates.end(),
      [&](const WitnessCandidate& candidate) { return !configuration.contains(candidate.id); }));
  const auto masters = configuration.count(VoterKind::master);
  TANDEM_ASSERT(leaving <= masters);
  witnesses.wanted = wanted_witnesses(masters - leaving, witnesses.kept.size() + outside);
  witnesses.is_lone_master = masters - leaving == 1;
  return witnesses;
}

std::optional<VoterChange> witness_addition(const Electorate& electorate,
                                            const Witnesses& witnesses, const MemberId& tried) {
  const bool is_wanted = witnesses.kept.size() < witnesses.wanted;
  if (!is_wanted || electorate.configuration.voters.size() > limits::voters_max) return {};
  const auto choice = additions(electorate, tried);
  if (choice.empty()) return std::nullopt;
  return AddVoter{choice.front()->id, VoterKind::witness};
}

std::optional<VoterChange> witness_removal(const Electorate& electorate,
                                           const Witnesses& witnesses) {
  const auto& [kept, gone, wanted, is_lone_master] = witnesses;
  if (electorate.configuration.voters.size() <= 3 && !is_lone_master) return std::nullopt;
  if (!gone.empty() && kept.size() >= wanted)
    return RemoveVoter{least_needed(gone, electorate.living)};
  if (kept.size() > wanted) return RemoveVoter{least_needed(kept, electorate.living)};
  return std::nullopt;
}

std::optional<VoterChange> master_removal(const Electorate& electorate,
                                          std::vector<MemberId> leaving) {
  std::erase_if(leaving, [&](const MemberId& id) {
    return !has_living_quorum(electorate.configuration.without(id), electorate.living);
  });
  if (leaving.empty()) return std::nullopt;
  return RemoveVoter{least_needed(leaving, electorate.living)};
}

// The change of a primary that continues without the other master of its pair.
std::optional<VoterChange> lone_change(const Electorate& electorate) {
  if (auto addition = master_addition(electorate, {})) return addition;
  auto leaving = leaving_masters(electorate);
  std::erase(leaving, electorate.self);  // no master is left to hand over to
  if (!electorate.other_is_out || leaving.empty()) return std::nullopt;
  return master_removal(electorate, std::move(leaving));
}

// The change that registrations ask for.
std::optional<VoterChange> registered_change(const Electorate& electorate, const MemberId& tried) {
  const auto& configuration = electorate.configuration;
  auto leaving = leaving_masters(electorate);
  if (leaving.size() >= configuration.voters.size()) leaving.clear();
  const auto living_here = std::count_if(leaving.begin(), leaving.end(), [&](const MemberId& id) {
    return !configuration.is_superseded(*configuration.find(id));
  });
  auto witnesses = witnesses_of(electorate, static_cast<std::size_t>(living_here));
  auto addition = witness_addition(electorate, witnesses, tried);
  const bool again = addition && std::get<AddVoter>(*addition).id == tried;
  if (addition && !again) return addition;
  if (!leaving.empty()) {
    if (auto removal = master_removal(electorate, std::move(leaving))) return removal;
    witnesses.kept.clear();  // a forgotten witness may be what prevents a majority
    witnesses.wanted = 0;
  }
  if (auto removal = witness_removal(electorate, witnesses)) return removal;
  return addition;
}

// True for two masters without a witness, at the beginning or because an operator wants only two;
// never because a third voter does not answer or was forgotten.
bool is_meant_as_pair(const Electorate& electorate) {
  const auto& configuration = electorate.configuration;
  if (configuration.voters.size() != 2 || configuration.count(VoterKind::master) != 2) return false;
  if (!configuration.was_protected) return true;
  const auto* registered = electorate.registered;
  return registered != nullptr && registered->masters.size() == 2 &&
         registered->candidates.empty() &&
         std::all_of(
             configuration.voters.begin(), configuration.voters.end(),
             [&](const Voter& voter) { return stays(*registered, configuration, voter.id.node); });
}

}  // namespace

bool stays(const Registered& registered, const Configuration& configuration, const NodeId& node) {
  TANDEM_ASSERT(!registered.masters.empty());
  bool listed = false;
  for (const auto& master : registered.masters) {
    listed = listed || master.node == node;
    const bool takes_its_place = master.replaces == node && master.node != node;
    if (takes_its_place && configuration.current(master.node) != nullptr) return false;
  }
  return listed;
}

std::size_t wanted_witnesses(std::size_t masters, std::size_t available) {
  if (masters < 2) return 0;
  std::size_t wanted = std::min({available, limits::witnesses_max, limits::voters_max - masters});
  if ((masters + wanted) % 2 == 0 && wanted > 0) --wanted;
  TANDEM_ASSERT(wanted <= available);
  TANDEM_ASSERT(wanted <= limits::witnesses_max);
  return wanted;
}

bool has_living_quorum(const Configuration& after, const std::set<MemberId>& living) {
  const auto alive = static_cast<std::size_t>(
      std::count_if(after.voters.begin(), after.voters.end(),
                    [&](const Voter& voter) { return living.contains(voter.id); }));
  return alive >= after.quorum();
}

std::optional<VoterChange> next_change(const Electorate& electorate, const MemberId& tried) {
  const auto& configuration = electorate.configuration;
  TANDEM_ASSERT(!configuration.empty());
  TANDEM_ASSERT(configuration.voters.size() <= limits::voters_max + 1);
  if (auto change = superseded_removal(configuration)) return change;
  if (auto change = master_addition(electorate, tried)) return change;
  if (electorate.alone) return lone_change(electorate);
  if (electorate.registered != nullptr) {
    if (auto change = registered_change(electorate, tried)) return change;
  }
  if (auto change = master_addition(electorate, {})) return change;
  const bool wanted = electorate.pair_failover && is_meant_as_pair(electorate);
  if (configuration.pair != wanted) return SetPair{wanted};
  const auto* registered = electorate.registered;
  if (registered != nullptr && configuration.grants != registered->grants) {
    return SetGrants{registered->grants};
  }
  return std::nullopt;
}

}  // namespace tandem::core
