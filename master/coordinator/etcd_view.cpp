// How EtcdCoordination describes its cluster.
#include <algorithm>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "master/coordinator/etcd_coordination.hpp"
#include "master/coordinator/limits.hpp"

namespace tandem::master {

std::string EtcdCoordination::unreachable_text() const {
  return fmt::format("etcd cannot be reached since {} ({})", unreached_clock_, unreached_why_);
}

std::string EtcdCoordination::refusal_text() const {
  if (!refusal_) return {};
  return fmt::format("etcd refuses since {} what it is asked ({})", refusal_->clock,
                     refusal_->what);
}

// The key of a process that was killed is there until its lease has ended.
std::string EtcdCoordination::rival_text() const {
  if (!rival_ || now() - rival_->at < coordinator_lease_end(options_.timing)) return {};
  return fmt::format(
      "another master takes part under the name {} and the same --cluster, since {}: its control "
      "address is {}",
      options_.node, rival_->clock, rival_->what);
}

std::string EtcdCoordination::failure_text() const {
  if (!failure_.empty()) return failure_;
  if (unreached_since_) return unreachable_text();
  if (!trouble_.empty()) return "what etcd holds cannot be used: " + trouble_;
  if (refusal_) return refusal_text();
  return rival_text();
}

std::string EtcdCoordination::why_no_primary() const {
  if (!primary_.empty() || now() - no_primary_since_ < options_.timing.election_timeout) return {};
  if (const auto why = failure_text(); !why.empty()) return why;
  if (registered_.empty()) {
    return fmt::format(
        "{} is not registered in etcd: a process of that name was there before, or "
        "still is, whose lease has not ended",
        options_.node);
  }
  return "nobody has taken the lead in etcd yet";
}

// Every master that is there now counts.
void EtcdCoordination::view_features(cluster::ClusterView& view) const {
  view.features_of_all = options_.features_max;
  for (const auto& [node, master] : masters_) {
    view.features_of_all = std::min(view.features_of_all, master.features);
  }
  for (const auto& [node, master] : masters_) {
    if (master.features >= options_.features_max) continue;
    view.features_held_back += fmt::format(
        "{}{} supports {}", view.features_held_back.empty() ? "" : ", ", node, master.features);
  }
}

void EtcdCoordination::publish_view() {
  if (stopped_) return;
  cluster::ClusterView view;
  cluster::CoordinatorView coordinator{.kind = "etcd", .endpoints = {}};
  for (const auto& server : spec_.etcd.servers) coordinator.endpoints.push_back(server.to_string());
  coordinator.unreached_since = unreached_since_;
  if (unreached_since_) coordinator.why = unreached_why_;
  if (!unreached_since_ && refusal_) coordinator.why = refusal_->what;
  view.cluster = core::ClusterId(cluster_);
  view.role = role_;
  view.term = term_;
  view.commit = view.last = view.primary_commit = last_;
  view.primary = failure_.empty() ? primary_ : core::NodeId();
  view.primary_heard = leads() ? reached_at_ : heard_;
  bool is_told = false;
  for (const auto& [node, master] : masters_) {
    if (node == options_.node) {
      is_told = true;
      continue;
    }
    view.masters.emplace(node.name(), master.addresses);
    if (node == view.primary) view.primary_addresses = master.addresses;
  }
  view.told_by = view.primary;
  view.told_commit = last_;
  view.voters_committed = true;
  view.votes = is_told;
  view_features(view);
  view.waiting = failure_.empty() ? why_no_primary() : std::string();
  view.ended = !failure_.empty();
  view.failure = failure_text();
  view.coordinator = std::move(coordinator);
  view.is_protected = view.failure.empty() && !view.primary.empty() && !view.masters.empty();
  if (view == view_) return;
  if (view.is_protected != view_.is_protected && leads()) {
    view.is_protected ? log::info("protected") : log::warn("not protected");
  }
  if (!view.waiting.empty() && view.waiting != view_.waiting) {
    log::warn("no primary reason=\"{}\"", view.waiting);
  }
  view_ = std::move(view);
  if (hooks_.view) hooks_.view(view_);
}

}  // namespace tandem::master
