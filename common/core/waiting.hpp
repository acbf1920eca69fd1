// waiting.hpp: what a node that knows no primary waits for, for people to read. Nothing is decided
// by it.
//
// Owner: a value.
#pragma once

#include <vector>

#include "common/base/strong.hpp"
#include "common/core/ids.hpp"

namespace tandem::core {

enum class Awaited {
  nothing,    // somebody leads, or it is too early to tell
  masters,    // `nodes` have not said yet that they are new: the first start needs all masters
  founder,    // `nodes`: the one that founds the cluster
  admission,  // there is a cluster, and this node does not vote in it
  log,        // workers remember `term` of a cluster whose log none of the masters has
  votes,      // `nodes` have not granted theirs in the last campaign
};

struct Waiting {
  Awaited what = Awaited::nothing;
  std::vector<NodeId> nodes{};
  Term term{};
  friend bool operator==(const Waiting&, const Waiting&) = default;
};

}  // namespace tandem::core
