// waiting.hpp: what a node that knows no primary waits for, for people to read. No decision depends
// on it.
//
// Owner: a value.
#pragma once

#include <vector>

#include "common/base/strong.hpp"
#include "common/core/ids.hpp"

namespace tandem::core {

enum class Awaited {
  nothing,    // somebody leads, or it is too early to tell
  masters,    // `nodes` have not answered yet that they are new: the first start needs all masters
  founder,    // for the founder of the cluster, which is in `nodes`
  admission,  // a cluster exists, and this node does not vote in it
  log,        // workers remember `term`, from a cluster whose log no master has
  votes,      // for the votes of `nodes`, which did not grant them in the last campaign
};

struct Waiting {
  Awaited what = Awaited::nothing;
  std::vector<NodeId> nodes{};
  Term term{};
  friend bool operator==(const Waiting&, const Waiting&) = default;
};

}  // namespace tandem::core
