#include "common/core/configuration.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/core/limits.hpp"
#include "common/core/rules.hpp"

namespace tandem::core {

const Voter* Configuration::find(const MemberId& id) const {
  TANDEM_ASSERT(voters.size() <= limits::voters_max + 1);
  for (const auto& voter : voters) {
    if (same_member(voter.id, id)) return &voter;
  }
  return nullptr;
}

const Voter* Configuration::current(const NodeId& node) const {
  TANDEM_ASSERT(!node.empty());
  const Voter* found = nullptr;
  for (const auto& voter : voters) {
    if (voter.id.node == node && (found == nullptr || voter.since > found->since)) found = &voter;
  }
  TANDEM_ASSERT(found == nullptr || found->id.node == node);
  return found;
}

bool Configuration::is_superseded(const Voter& voter) const {
  const Voter* living = current(voter.id.node);
  TANDEM_ASSERT(living != nullptr);
  return living->id.incarnation != voter.id.incarnation;
}

std::size_t Configuration::count(VoterKind kind) const {
  return static_cast<std::size_t>(std::count_if(
      voters.begin(), voters.end(),
      [&](const Voter& voter) { return voter.kind == kind && !is_superseded(voter); }));
}

std::size_t Configuration::nodes() const {
  return count(VoterKind::master) + count(VoterKind::witness);
}

Configuration Configuration::with(Voter voter) const {
  TANDEM_ASSERT(!voter.id.empty());
  Configuration changed = *this;
  const auto place = std::lower_bound(changed.voters.begin(), changed.voters.end(), voter,
                                      [](const Voter& a, const Voter& b) { return a.id < b.id; });
  TANDEM_ASSERT(place == changed.voters.end() || place->id != voter.id);
  changed.voters.insert(place, std::move(voter));
  changed.pair = false;
  changed.was_protected = was_protected || changed.nodes() >= 3;
  return changed;
}

Configuration Configuration::without(const MemberId& id) const {
  Configuration changed = *this;
  const auto removed =
      std::erase_if(changed.voters, [&](const Voter& voter) { return voter.id == id; });
  TANDEM_ASSERT(removed == 1);
  TANDEM_ASSERT(!changed.voters.empty());
  changed.pair = false;
  return changed;
}

bool majorities_meet(const Configuration& a, const Configuration& b) {
  TANDEM_ASSERT(!a.empty());
  TANDEM_ASSERT(!b.empty());
  const auto shared = static_cast<std::size_t>(
      std::count_if(a.voters.begin(), a.voters.end(), [&](const Voter& voter) {
        return std::any_of(b.voters.begin(), b.voters.end(),
                           [&](const Voter& other) { return other.id == voter.id; });
      }));
  const auto together = a.voters.size() + b.voters.size() - shared;
  return a.quorum() + b.quorum() > together;
}

bool same_member(const MemberId& a, const MemberId& b) {
  if (!rules.amnesiacs_do_not_vote) return a.node == b.node;
  return a == b;
}

std::string to_string(const Configuration& configuration) {
  std::string text;
  for (const auto& voter : configuration.voters) {
    if (!text.empty()) text += ' ';
    text += fmt::format("{}", voter.id.node);
    if (voter.kind == VoterKind::witness) text += "(witness)";
    if (configuration.is_superseded(voter)) text += "(superseded)";
  }
  if (configuration.pair) text += " pair";
  if (configuration.grants) text += " grants";
  return text;
}

}  // namespace tandem::core
