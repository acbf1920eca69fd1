// protection.hpp: whether any single loss would be survived now, and the reason, in words.
//
// A loss is survived when the remaining voters that have answered the primary within an election
// timeout are a majority that includes a master. The loss of the primary itself is survived when
// one of the other masters can win: it knows who the voters are now, and reaches a majority of
// them, by its own word (core/reach.hpp). Only the primary knows who answers: another master can
// only report the voters of its log, and says so.
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/cluster/cluster_view.hpp"

namespace tandem::cluster {

// A voter that does not answer counts as lost already.
bool is_protected_now(const ClusterView& view);

// One sentence: why the cluster is protected or not, as far as `node` knows at `now`.
std::string protection(const ClusterView& view, std::string_view node, Instant now);

}  // namespace tandem::cluster
