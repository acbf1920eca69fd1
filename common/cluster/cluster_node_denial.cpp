// cluster_node_denial.cpp: members that deny what they have reported as durable (acknowledged.hpp).
//
// Messages of such a member are ignored, and it is told so: an operator has replaced its data
// directory by an older copy, or its disk loses data.
#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/cluster/cluster_node.hpp"
#include "common/wire/limits.hpp"

namespace tandem::cluster {

bool ClusterNode::is_from_denier(const core::Message& message) {
  if (denied_by(message.from).value() != 0) return true;
  if (node_->role() != core::Role::primary) return false;
  const auto known = node_->match_index(message.from);
  const auto entry = acknowledged_.denied_by(message, node_->term(), known, now());
  if (entry.value() == 0) return false;
  {
    const Lock lock(denied_mutex_);
    if (denied_.size() >= limits::known_nodes_max) denied_.erase(denied_.begin());
    denied_.emplace(message.from, entry);
  }
  log::error("member no longer counted node={} reason=\"{}\"", message.from.node,
             check_denial(message.from).error().message);
  return true;
}

LogIndex ClusterNode::denied_by(const core::MemberId& member) const {
  const Lock lock(denied_mutex_);
  const auto found = denied_.find(member);
  return found == denied_.end() ? LogIndex() : found->second;
}

Result<> ClusterNode::check_denial(const core::MemberId& member) const {
  const auto entry = denied_by(member);
  if (entry.value() == 0) return {};
  return fail(ErrorCode::conflict,
              fmt::format("{} denies entry {}, which it had reported to be on its disk: its data "
                          "directory is an older copy, or its disk loses data; move "
                          "the directory away, and {} joins as a new member",
                          member.node, entry, member.node));
}

}  // namespace tandem::cluster
