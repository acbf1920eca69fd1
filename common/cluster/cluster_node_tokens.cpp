// The part of ClusterNode that knows what to present to whom.
#include "common/access/limits.hpp"
#include "common/cluster/cluster_node.hpp"

namespace tandem::cluster {

// A master's token goes to masters alone: where they are operators have said, or they themselves
// with tokens of their own.
std::string ClusterNode::token_for(const core::NodeId& node) const {
  if (options_.credentials) return {};  // certificates say it all
  const bool is_witness = options_.kind == core::VoterKind::witness;
  if (options_.shares_token || is_witness || is_master(node)) return options_.token;
  const auto known = known_.find(node);
  if (known != known_.end() && known->second.proven_master) return options_.token;
  const auto secret = secrets_.find(node);
  if (secret == secrets_.end() || known == known_.end()) return {};
  const bool is_there = known->second.addresses.control == secret->second.control;
  return is_there ? secret->second.text : std::string();
}

void ClusterNode::set_secret(const core::NodeId& witness, const Endpoint& control,
                             std::string secret) {
  if (stopped_) return;
  if (secrets_.size() >= limits::credentials_max && !secrets_.contains(witness)) {
    std::erase_if(secrets_, [this](const auto& place) {
      return node_ == nullptr || node_->configuration().current(place.first) == nullptr;
    });
  }
  if (secrets_.size() >= limits::credentials_max && !secrets_.contains(witness)) return;
  auto& known = secrets_[witness];
  if (known.control == control && known.text == secret) return;
  known = {control, std::move(secret)};
  // What could not be said without it is said now.
  if (const auto link = links_.find(witness); link != links_.end()) link->second->greet();
}

}  // namespace tandem::cluster
