#include "common/core/membership.hpp"

#include <algorithm>

#include "common/base/assert.hpp"
#include "common/base/limits.hpp"

namespace tandem::core {

namespace {

using Candidates = std::vector<const WitnessCandidate*>;

bool is_registered(const Registered& registered, const MemberId& id) {
  return std::any_of(registered.candidates.begin(), registered.candidates.end(),
                     [&](const WitnessCandidate& candidate) { return candidate.id == id; });
}

// Whose absence costs least: of those that are not heard the last, else the last of all.
const MemberId& least_needed(const std::vector<MemberId>& voters,
                             const std::set<MemberId>& living) {
  TANDEM_ASSERT(!voters.empty());
  const auto silent = std::find_if(voters.rbegin(), voters.rend(),
                                   [&](const MemberId& voter) { return !living.contains(voter); });
  return silent == voters.rend() ? voters.back() : *silent;
}

// How many voters share the candidate's host.
std::size_t crowd_at(const Electorate& electorate, const WitnessCandidate& candidate) {
  const auto& registered = *electorate.registered;
  auto crowd = static_cast<std::size_t>(
      std::count(registered.master_hosts.begin(), registered.master_hosts.end(), candidate.host));
  for (const auto& other : registered.candidates) {
    if (other.host == candidate.host && electorate.configuration.contains(other.id)) ++crowd;
  }
  return crowd;
}

std::optional<VoterChange> master_change(const Electorate& electorate) {
  const auto& configuration = electorate.configuration;
  for (const auto& voter : configuration.voters) {
    const bool last_incarnation = !configuration.is_superseded(voter);
    if (!last_incarnation && configuration.voters.size() > 1) return RemoveVoter{voter.id};
  }
  for (const auto& [node, id] : electorate.masters) {
    const bool votes_already = configuration.find(id) != nullptr;
    const bool replaces = configuration.current(node) != nullptr;
    if (votes_already || (electorate.alone && !replaces)) continue;
    if (configuration.voters.size() <= limits::voters_max) return AddVoter{id, VoterKind::master};
  }
  return std::nullopt;
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

std::optional<VoterChange> witness_change(const Electorate& electorate, const MemberId& tried) {
  const auto& configuration = electorate.configuration;
  const auto& registered = *electorate.registered;
  std::vector<MemberId> kept, gone;
  for (const auto& voter : configuration.voters) {
    if (voter.kind != VoterKind::witness) continue;
    (is_registered(registered, voter.id) ? kept : gone).push_back(voter.id);
  }
  const auto outside = static_cast<std::size_t>(std::count_if(
      registered.candidates.begin(), registered.candidates.end(),
      [&](const WitnessCandidate& candidate) { return !configuration.contains(candidate.id); }));
  const auto wanted =
      wanted_witnesses(configuration.count(VoterKind::master), kept.size() + outside);
  if (kept.size() < wanted && configuration.voters.size() <= limits::voters_max) {
    const auto choice = additions(electorate, tried);
    if (!choice.empty()) return AddVoter{choice.front()->id, VoterKind::witness};
  }
  const bool enough_remain = configuration.voters.size() > 3;
  if (enough_remain && !gone.empty() && kept.size() >= wanted)
    return RemoveVoter{least_needed(gone, electorate.living)};
  if (enough_remain && kept.size() > wanted)
    return RemoveVoter{least_needed(kept, electorate.living)};
  return std::nullopt;
}

}  // namespace

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
  if (auto change = master_change(electorate)) return change;
  if (electorate.alone) return std::nullopt;
  if (electorate.registered != nullptr) {
    if (auto change = witness_change(electorate, tried)) return change;
  }
  const bool is_pair = configuration.voters.size() == 2 && !configuration.was_protected &&
                       configuration.count(VoterKind::master) == 2;
  const bool wanted = is_pair && electorate.pair_failover;
  if (configuration.pair != wanted) return SetPair{wanted};
  return std::nullopt;
}

}  // namespace tandem::core
