// view_log.hpp: logs changes in a member's view of its cluster: who votes, who fell silent or
// behind, whether a loss would be survived, and why there is no primary.
//
// Pure; any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/cluster/cluster_view.hpp"

namespace tandem::cluster {

struct LogLine {
  bool warns = false;
  std::string text;
  friend bool operator==(const LogLine&, const LogLine&) = default;
};

std::vector<LogLine> changes_between(const ClusterView& before, const ClusterView& after,
                                     std::string_view node, Instant now);

// Why a node has no primary, as a clause: "the first start needs all masters: b is not there
// (connection refused)". `trouble` returns why a member cannot be reached, empty when it can. Empty
// when the node waits for nothing.
std::string reason_of(const core::Waiting& waiting,
                      const std::function<std::string(const core::NodeId&)>& trouble);

}  // namespace tandem::cluster
