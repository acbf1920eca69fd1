// cluster_node_view.cpp: how a member describes its cluster.
#include <algorithm>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/cluster/cluster_node.hpp"
#include "common/cluster/protection.hpp"
#include "common/cluster/view_log.hpp"
#include "common/core/limits.hpp"

namespace tandem::cluster {

// Reported only after a while: each start and each election briefly passes through some of these
// states.
std::string ClusterNode::why_no_primary() {
  const auto time = now();
  if (auto waiting = node_->waiting(); waiting != waiting_) {
    waiting_ = std::move(waiting);
    waiting_since_ = time;
  }
  if (time - waiting_since_ < options_.timing.election_timeout) return {};
  return reason_of(waiting_, [this](const core::NodeId& node) {
    const auto link = links_.find(node);
    return link == links_.end() ? std::string("there is no connection to it")
                                : link->second->trouble();
  });
}

// With hysteresis, so that a member that barely keeps up is not reported repeatedly.
bool ClusterNode::is_behind(const core::Voter& voter) const {
  if (node_->role() != core::Role::primary || node_->silent_since(voter.id)) return false;
  const auto lacks = node_->log().last_index().value() - node_->match_index(voter.id).value();
  const auto& before = view_.voters;
  const bool was_behind = std::any_of(before.begin(), before.end(), [&](const VoterView& known) {
    return known.behind && known.name == voter.id.node.name();
  });
  return lacks > (was_behind ? 0 : limits::uncommitted_entries_max);
}

// What a primary tells the other members about its voters.
std::optional<wire::Standing> ClusterNode::standing() const {
  const auto level = feature_level_.load(std::memory_order_relaxed);
  const bool leads = node_->role() == core::Role::primary && view_.role == core::Role::primary;
  if (level < wire::features::agreed_state || !leads) return std::nullopt;
  const auto& voters = view_.voters;
  const bool is_new = std::any_of(voters.begin(), voters.end(),
                                  [](const VoterView& voter) { return voter.unheard; });
  if (is_new) return std::nullopt;  // it does not know yet who answers
  const auto time = now();
  wire::Standing standing{.commit = view_.commit,
                          .is_protected = view_.is_protected,
                          .protection = protection(view_, options_.node.name(), time)};
  for (const auto& voter : view_.voters) {
    const auto silent =
        voter.silent_since ? std::optional<Duration>(time - *voter.silent_since) : std::nullopt;
    standing.voters.push_back({.name = voter.name, .match = voter.match, .silent = silent});
  }
  return standing;
}

void ClusterNode::view_voters(ClusterView& view) const {
  const auto& configuration = node_->configuration();
  const bool leads = view.role == core::Role::primary;
  const bool told = !leads && !view.primary.empty() && standing_ &&
                    standing_teller_ == view.primary &&
                    now() - standing_heard_ < options_.timing.election_timeout;
  if (leads || told) view.told_by = view.primary;
  for (const auto& voter : configuration.voters) {
    if (configuration.is_superseded(voter)) continue;
    const bool is_self = voter.id == self();
    VoterView known{.name = std::string(voter.id.node.name()),
                    .kind = voter.kind,
                    .match = is_self ? view.last : node_->match_index(voter.id),
                    .silent_since = node_->silent_since(voter.id),
                    .unheard = leads && !node_->has_answered(voter.id),
                    .disk_failure = disk_failure_of(voter.id.node),
                    .denied = denied_by(voter.id),
                    .behind = !is_self && is_behind(voter)};
    if (leads && !is_self && voter.kind == core::VoterKind::master) {
      known.unreached = unreached_by(voter.id.node);
      known.knows_voters = node_->match_index(voter.id) >= node_->log().configuration_index();
    }
    if (told) {
      for (const auto& from_primary : standing_->voters) {
        if (from_primary.name != known.name) continue;
        known.match = from_primary.match;
        if (from_primary.silent) known.silent_since = standing_heard_ - *from_primary.silent;
      }
    }
    known.unheard = known.unheard && !known.silent_since;
    view.voters.push_back(std::move(known));
  }
  // Who answers only the primary knows, and it tells all that can be told.
  const bool knows =
      leads || feature_level_.load(std::memory_order_relaxed) < wire::features::agreed_state;
  view.differing = differing_;
  view.is_protected = knows && node_->is_protected() && is_protected_now(view);
  view.told_commit = view.commit;
  if (!told) return;
  view.told_commit = standing_->commit;
  view.is_protected = standing_->is_protected && differing_.empty();
  view.told_why = standing_->protection;
}

const std::string& ClusterNode::disk_failure_of(const core::NodeId& node) const {
  static const std::string none;
  if (node == options_.node) return disk_failure_;
  const auto known = known_.find(node);
  return known == known_.end() ? none : known->second.disk_failure;
}

std::vector<std::string> ClusterNode::unreached_by(const core::NodeId& node) const {
  std::vector<std::string> names;
  const auto known = known_.find(node);
  if (known == known_.end()) return names;
  for (const auto& voter : known->second.unreached) {
    if (voter != options_.node) names.emplace_back(voter.name());
  }
  return names;
}

void ClusterNode::set_differing(std::vector<std::string> names) {
  if (names == differing_) return;
  differing_ = std::move(names);
  if (node_ != nullptr && !stopped_) publish_view();
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
    const bool is_reachable = address.given && !address.addresses.control.is_unspecified();
    if (is_reachable) view.masters.emplace(node.name(), address.addresses);
  }
  view.primary_commit = primary_commit_;
  view.primary_heard = primary_heard_;
  const auto& configuration = node_->configuration();
  view.voters_committed = node_->are_voters_committed();
  view.votes = configuration.contains(self());
  view.quorum = configuration.quorum();
  view.pair = configuration.pair;
  view.grants = node_->uses_grants();
  view.alone = node_->is_alone();
  view.other_is_out = node_->is_other_out();
  view.in_pair_sync = node_->pair_standing() == core::Standing::standby;
  view_voters(view);
  view_features(view);
  view.ended = !failure_.empty();
  view.failure = failure_;
  if (!view.ended && !disk_failure_.empty()) {
    view.failure = fmt::format("the log cannot be written: {}", disk_failure_);
  }
  if (failure_.empty()) view.waiting = why_no_primary();
  if (view == view_) return;
  const bool other_voters = view.voters.size() != view_.voters.size();
  cluster_.store(view.cluster.value(), std::memory_order_relaxed);
  for (const auto& line : changes_between(view_, view, options_.node.name(), now())) {
    line.warns ? log::warn("{}", line.text) : log::info("{}", line.text);
  }
  view_ = std::move(view);
  if (other_voters) {
    prune_links();
    if (failure_.empty()) open_links();
  }
  if (hooks_.view) hooks_.view(view_);
}

}  // namespace tandem::cluster
