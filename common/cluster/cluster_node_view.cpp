// cluster_node_view.cpp: what a member shows of its cluster.
#include <algorithm>

#include <spdlog/spdlog.h>

#include "common/base/clock.hpp"
#include "common/cluster/cluster_node.hpp"
#include "common/cluster/protection.hpp"
#include "common/cluster/view_log.hpp"

namespace tandem::cluster {

// Told when it has lasted: each start and each election passes through some of it.
std::string ClusterNode::why_no_primary() {
  const auto time = now();
  if (auto waiting = node_->waiting(); waiting != waiting_) {
    waiting_ = std::move(waiting);
    waiting_since_ = time;
  }
  if (time - waiting_since_ < options_.timing.election_timeout) return {};
  return reason_of(waiting_, [this](const core::NodeId& node) {
    const auto link = links_.find(node);
    return link == links_.end() ? std::string("its address is not known") : link->second->trouble();
  });
}

// With a distance between the two bounds, so that one that just keeps up is not told of again and
// again.
bool ClusterNode::is_behind(const core::Voter& voter) const {
  if (node_->role() != core::Role::primary || node_->silent_since(voter.id)) return false;
  const auto lacks = node_->log().last_index().value() - node_->match_index(voter.id).value();
  const auto& before = view_.voters;
  const bool was_behind = std::any_of(before.begin(), before.end(), [&](const VoterView& known) {
    return known.behind && known.name == voter.id.node.name();
  });
  return lacks > (was_behind ? 0 : limits::uncommitted_entries_max);
}

void ClusterNode::publish_view() {
  ClusterView view;
  view.cluster = node_->hard_state().cluster;
  view.role = failure_.empty() ? node_->role() : core::Role::follower;
  view.term = node_->term();
  view.commit = node_->commit_index();
  view.last = node_->log().last_index();
  if (failure_.empty()) view.primary = node_->primary().node;
  const auto known = known_.find(view.primary);
  if (known != known_.end()) view.primary_addresses = known->second.addresses;
  for (const auto& [node, address] : known_) {
    if (address.configured) view.masters.emplace(node.name(), address.addresses);
  }
  view.primary_commit = primary_commit_;
  view.primary_heard = primary_heard_;
  const auto& configuration = node_->configuration();
  for (const auto& voter : configuration.voters) {
    if (configuration.is_superseded(voter)) continue;
    const bool is_self = voter.id == self();
    view.voters.push_back({.name = std::string(voter.id.node.name()),
                           .kind = voter.kind,
                           .match = is_self ? view.last : node_->match_index(voter.id),
                           .silent_since = node_->silent_since(voter.id),
                           .behind = !is_self && is_behind(voter)});
  }
  view.votes = configuration.contains(self());
  view.quorum = configuration.quorum();
  view.is_protected = node_->is_protected() && is_protected_now(view);
  view.pair = configuration.pair;
  view.alone = node_->is_alone();
  view.in_pair_sync = node_->pair_standing() == core::Standing::standby;
  view_features(view);
  view.failure = failure_;
  if (failure_.empty()) view.waiting = why_no_primary();
  if (view == view_) return;
  const bool other_voters = view.voters.size() != view_.voters.size();
  cluster_.store(view.cluster.value(), std::memory_order_relaxed);
  for (const auto& line : changes_between(view_, view, options_.node.name(), now())) {
    spdlog::log(line.warns ? spdlog::level::warn : spdlog::level::info, "{}", line.text);
  }
  view_ = std::move(view);
  if (other_voters) {
    prune_links();
    if (failure_.empty()) open_links();
  }
  if (hooks_.view) hooks_.view(view_);
}

}  // namespace tandem::cluster
