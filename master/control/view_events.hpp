// view_events.hpp: what has changed of the cluster as this master sees it, as events: who leads,
// who votes and answers, whether any single loss is survived, whose disk fails.
//
// Who answers and what is survived only the primary knows: while nobody tells, nothing is said of
// either. Owner: the control loop's thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/cluster/cluster_view.hpp"
#include "master/events/event.hpp"

namespace tandem::master {

class ViewEvents {
 public:
  explicit ViewEvents(std::string node) : node_(std::move(node)) {}

  // `role`: primary, standby or candidate.
  std::vector<Event> next(const cluster::ClusterView& view, const std::string& role, Instant now);

 private:
  void tell_role(const cluster::ClusterView& view, const std::string& role);
  void tell_voters(const cluster::ClusterView& view, Instant now);
  void tell_disks(const cluster::ClusterView& view);
  Event& tell(EventKind kind, std::string subject, std::string text);

  const std::string node_;
  std::vector<Event> told_;
  std::string role_ = "candidate";
  std::string primary_;
  Term term_;  // of the last role
  std::optional<bool> protected_;
  std::string voters_;
  std::set<std::string> silent_;
  bool ended_ = false;                        // the node no longer takes part
  std::map<std::string, std::string> disks_;  // by name: why its log cannot be written
};

}  // namespace tandem::master
