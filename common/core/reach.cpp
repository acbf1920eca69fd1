#include "common/core/reach.hpp"

#include <algorithm>

#include "common/core/node.hpp"

namespace tandem::core {

void Reach::asked(const std::vector<MemberId>& voters, const Occasion& occasion, Instant now) {
  TANDEM_ASSERT(asks());
  std::map<MemberId, unsigned> unanswered;
  for (const auto& voter : voters) {
    const auto known = unanswered_.find(voter);
    const unsigned before = known == unanswered_.end() ? unanswered_max : known->second;
    unanswered[voter] = std::min(before, unanswered_max) + 1;
  }
  unanswered_ = std::move(unanswered);
  occasion_ = occasion;
  due_ = now + interval_;
  TANDEM_ASSERT(due_ > now);
}

void Reach::answered(const MemberId& voter) {
  if (const auto known = unanswered_.find(voter); known != unanswered_.end()) known->second = 0;
}

void Reach::forget_all_but(const std::vector<MemberId>& voters) {
  *this = Reach(interval_);
  for (const auto& voter : voters) unanswered_[voter] = 0;
}

bool Reach::reaches(const MemberId& voter) const {
  const auto known = unanswered_.find(voter);
  return known != unanswered_.end() && known->second <= unanswered_max;
}

// ---- the node's part

// True while this node would have to win an election if its primary were lost.
bool Node::stands_by() const {
  return reach_.asks() && role() == Role::follower && can_campaign() &&
         promise_.primary() == primary_ && promise_.binds(self(), now_);
}

// A primary that leads no longer need not ask those that have just answered its rounds.
void Node::keep_reached(const Primary& primary) {
  std::vector<MemberId> voters;
  for (const auto& member : primary.members) {
    const bool answers =
        member.heard != Instant::never() && now_ - member.heard < options_.timing.election_timeout;
    if (answers && configuration().contains(member.id)) voters.push_back(member.id);
  }
  reach_.forget_all_but(voters);
}

// The voters whose votes it would need, its own and that of the lost primary aside. The former
// incarnation of a voter answers nobody.
std::vector<MemberId> Node::voters_to_reach() const {
  std::vector<MemberId> voters;
  for (const auto& voter : configuration().voters) {
    const bool is_other = voter.id.node != self().node && voter.id.node != primary_.node;
    if (is_other && !configuration().is_superseded(voter)) voters.push_back(voter.id);
  }
  return voters;
}

void Node::ask_voters() {
  if (!stands_by() || !reach_.is_due(occasion_to_ask(), now_)) return;
  const auto voters = voters_to_reach();
  reach_.asked(voters, occasion_to_ask(), now_);
  for (const auto& voter : voters) request_vote(voter, Ballot::pre_vote, next_term(), false);
}

Reach::Occasion Node::occasion_to_ask() const { return {log_.configuration_index(), primary_}; }

// An answer to such a question, which deposes nobody, whatever its term.
bool Node::is_about_reach(const Message& message) const {
  const auto* reply = std::get_if<VoteReply>(&message.body);
  return reply != nullptr && reply->ballot == Ballot::pre_vote && stands_by();
}

std::vector<NodeId> Node::unreached() const {
  std::vector<NodeId> nodes;
  if (!reach_.asks() || !may_lead() || role() == Role::primary) return nodes;
  for (const auto& voter : voters_to_reach()) {
    if (!reach_.reaches(voter)) nodes.push_back(voter.node);
  }
  return nodes;
}

}  // namespace tandem::core
