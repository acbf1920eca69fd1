// The part of ClusterNode for members of different versions: which feature level it uses, and which
// one all members support (common/wire/features.hpp).

#include "common/base/log.hpp"
#include "common/cluster/cluster_node.hpp"

namespace tandem::cluster {

void ClusterNode::set_feature_level(wire::FeatureLevel level) {
  TANDEM_ASSERT(level <= options_.features_max);
  if (level > feature_level_.load(std::memory_order_relaxed)) {
    feature_level_.store(level, std::memory_order_relaxed);
  }
}

Result<> ClusterNode::check_features(const wire::ClusterEnvelope& envelope) const {
  const auto& theirs = envelope.features;
  const auto level = feature_level_.load(std::memory_order_relaxed);
  if (theirs.can < level) {
    refusals_.foreign.fetch_add(1, std::memory_order_relaxed);
    return fail(
        ErrorCode::conflict,
        fmt::format("this cluster is at feature level {}, and {} supports levels up to {}: start a "
                    "version there that supports it, without a lower --feature-level",
                    level, envelope.node, theirs.can));
  }
  if (theirs.level > options_.features_max) {
    refusals_.foreign.fetch_add(1, std::memory_order_relaxed);
    auto outdated =
        fail(ErrorCode::conflict,
             fmt::format("{} uses feature level {}, and {} supports levels up to {}: start a "
                         "version there that supports it, without a lower --feature-level",
                         envelope.node, theirs.level, options_.node, options_.features_max));
    if (!told_outdated_.exchange(true))
      log::error("takes no part in this cluster reason=\"{}\"", outdated.message);
    return outdated;
  }
  return {};
}

// Envelopes tell the level too: a witness applies no state, and a master may not have applied the
// change yet.
void ClusterNode::learn_feature_level(const wire::ClusterEnvelope& envelope) {
  const auto ours = node_->hard_state().cluster;
  if (ours.value() == 0) return;
  for (const auto& message : envelope.messages) {
    if (message.cluster == ours) return set_feature_level(envelope.features.level);
  }
}

// A member that is not heard may have been restarted with an older version.
void ClusterNode::view_features(ClusterView& view) const {
  if (view.role != core::Role::primary) return;
  view.features_of_all = options_.features_max;
  const auto consider = [&](const core::NodeId& node, bool silent) {
    if (node == options_.node) return;
    const auto known = known_.find(node);
    const bool heard = !silent && known != known_.end() && known->second.can;
    const auto can = heard ? *known->second.can : wire::features::oldest;
    view.features_of_all = std::min(view.features_of_all, can);
    if (can >= options_.features_max) return;
    view.features_held_back += view.features_held_back.empty() ? "" : ", ";
    view.features_held_back += heard ? fmt::format("{} supports levels up to {}", node, can)
                                     : fmt::format("{} has not been heard", node);
  };
  const auto& configuration = node_->configuration();
  for (const auto& voter : configuration.voters) {
    if (configuration.is_superseded(voter)) continue;
    consider(voter.id.node, node_->silent_since(voter.id).has_value());
  }
  for (const auto& [node, address] : known_) {
    if (address.given && configuration.current(node) == nullptr) consider(node, false);
  }
}

}  // namespace tandem::cluster
