// agreement.hpp: whether this master's applied state equals that of the others.
//
// Masters send the digest of their state after an entry with their messages. A receiver compares it
// with its own as soon as it has applied that entry. So a difference is found once both have
// applied the entry that caused it. Entries are the same if their index and term are: in pair mode
// two masters may have continued without each other, and then the core makes one of them begin
// anew.
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
  // A claim of another master. Claims about entries that are too old or too far ahead are ignored.
  void heard(const core::NodeId& node, const wire::StateDigest& theirs);

  // The masters whose state is known to differ from this one's, until they report an equal one.
  const std::map<core::NodeId, Difference>& differing() const { return differing_; }
  bool differs_from(const core::NodeId& node) const { return differing_.contains(node); }

 private:
  void judge(const core::NodeId& node, const wire::StateDigest& theirs);

  std::deque<wire::StateDigest> ours_;  // of consecutive entries, the oldest first
  std::map<core::NodeId, wire::StateDigest> ahead_;
  std::map<core::NodeId, Difference> differing_;
};

}  // namespace tandem::master
