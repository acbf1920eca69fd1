#include "common/core/waiting.hpp"

#include <algorithm>

#include "common/core/node.hpp"

namespace tandem::core {

Waiting Node::waiting() const {
  if (options_.kind != VoterKind::master || !primary_.empty()) return {};
  if (hard_.cluster.value() == 0) {
    const bool founds = !options_.masters.empty() && options_.joins.value() == 0;
    if (founds && remembered_.value() > 0 && founding_.unheard().empty()) {
      return {Awaited::log, {}, remembered_};
    }
    const bool exists = founding_.knows_of_cluster() || options_.joins.value() != 0;
    if (exists || options_.masters.empty()) return {Awaited::admission};
    auto unheard = founding_.unheard();
    if (!unheard.empty()) return {Awaited::masters, std::move(unheard)};
    if (founding_.founder() == self().node) return {};
    return {Awaited::founder, {founding_.founder()}};
  }
  if (!may_lead()) return {Awaited::admission};
  if (ungranted_.empty()) return {};
  return {Awaited::votes, ungranted_};
}

// Called when a campaign ends without a result.
void Node::note_ungranted() {
  const auto* pre = std::get_if<PreCandidate>(&role_);
  const auto* candidate = std::get_if<Candidate>(&role_);
  if (pre == nullptr && candidate == nullptr) return;
  const auto& granted = pre != nullptr ? pre->granted : candidate->granted;
  ungranted_.clear();
  for (const auto& voter : configuration().voters) {
    const bool has_granted =
        std::any_of(granted.begin(), granted.end(),
                    [&](const MemberId& member) { return member.node == voter.id.node; });
    if (!has_granted && voter.id.node != self().node) ungranted_.push_back(voter.id.node);
  }
}

}  // namespace tandem::core
