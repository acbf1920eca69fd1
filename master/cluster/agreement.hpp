// agreement.hpp: whether this master's applied state equals those of the others.
//
// Masters say with their messages what their state's digest is after which entry. Whoever has
// applied that entry compares; whoever has not yet compares when it has. So a difference is found
// as soon as both have applied the entry after which it is there. An entry is the same when its
// index and its term are: in pair mode two masters may have gone on without each other, and then
// the core makes one of them begin anew.
//
// Owner: the control loop's thread. Always: at most limits::uncommitted_entries_max digests, and
// one claim for each other master, of at most limits::known_nodes_max.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "common/core/ids.hpp"
#include "common/wire/cluster_envelope.hpp"

namespace tandem::master {

// After one entry.
struct Difference {
  LogIndex index;
  std::uint64_t ours = 0;
  std::uint64_t theirs = 0;
  friend bool operator==(const Difference&, const Difference&) = default;
};

class Agreement {
 public:
  // This master has applied the next entry / has another state altogether.
  void applied(const wire::StateDigest& ours);
  void restored(const wire::StateDigest& ours);
  // Another master says so. What is not of now or soon is passed over.
  void heard(const core::NodeId& node, const wire::StateDigest& theirs);

  // Those whose state is known to differ from this master's; they agree again once they say so.
  const std::map<core::NodeId, Difference>& differing() const { return differing_; }
  bool differs_from(const core::NodeId& node) const { return differing_.contains(node); }

 private:
  void judge(const core::NodeId& node, const wire::StateDigest& theirs);

  std::deque<wire::StateDigest> ours_;  // of consecutive entries, the oldest first
  std::map<core::NodeId, wire::StateDigest> ahead_;
  std::map<core::NodeId, Difference> differing_;
};

}  // namespace tandem::master
