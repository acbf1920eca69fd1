// protection.hpp: would any single loss be survived now, and if not, why not, in words.
//
// A loss is survived when the voters that remain, and have answered the primary within an election
// timeout, are a majority with a master among them. Only the primary knows who answers: what
// another master says is what its log says of who votes, and that it says so.
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/cluster/cluster_view.hpp"

namespace tandem::cluster {

// As far as silence goes: a voter that does not answer is taken for lost already.
bool is_protected_now(const ClusterView& view);

// One sentence: why it is protected or not, as `node` knows it at `now`.
std::string protection(const ClusterView& view, std::string_view node, Instant now);

}  // namespace tandem::cluster
