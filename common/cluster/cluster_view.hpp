// cluster_view.hpp: what a member knows of its cluster, for those who show it or act on it.
//
// Units: Instants of this process's clock. Owner: a value.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/core/node.hpp"
#include "common/wire/features.hpp"

namespace tandem::cluster {

struct VoterView {
  std::string name;
  core::VoterKind kind = core::VoterKind::master;
  LogIndex match;  // as `told_by` knows it; 0 but for the node itself while nobody is
  // As `told_by` knows it: when it was last heard, if that is an election timeout ago.
  std::optional<Instant> silent_since{};
  // Why it cannot write its log, as it says itself; empty while it can. It votes for nobody then,
  // and nothing is committed by it.
  std::string disk_failure{};
  // Known to the primary alone: an entry that it had reported durable and lacks now; 0: none. Its
  // word counts no more.
  LogIndex denied{};
  bool behind = false;  // known to the primary alone: it answers, and lacks many entries
  friend bool operator==(const VoterView&, const VoterView&) = default;
};

// A node, as its own envelopes tell.
struct NodeAddresses {
  Endpoint control;                // numeric
  std::optional<Endpoint> listen;  // numeric; empty for a witness
  std::string pass;
  // Bound to all addresses of its machine: `control` and `listen` are one of them.
  bool controls_everywhere = false;
  bool listens_everywhere = false;
  friend bool operator==(const NodeAddresses&, const NodeAddresses&) = default;
};

struct ClusterView {
  core::ClusterId cluster;  // 0: none is known yet
  core::Role role = core::Role::follower;
  Term term;
  core::NodeId primary;                            // empty: nobody is known to lead
  std::optional<NodeAddresses> primary_addresses;  // of another node
  std::map<std::string, NodeAddresses> masters;    // the other ones, by name
  LogIndex commit;
  LogIndex last;  // of this node's log
  // What the primary said was committed when it was last heard, and when that was.
  LogIndex primary_commit;
  Instant primary_heard = Instant::never();
  std::vector<VoterView> voters;
  // Who says what of the voters: this node when it leads, the primary when it has said so within
  // an election timeout. Empty: nobody, and then this is what this node's log says of who votes.
  core::NodeId told_by;
  LogIndex told_commit;  // what was committed then
  std::string told_why;  // another's sentence on `is_protected`
  // False while the newest change of who votes may still be forgotten, with whoever knows of it.
  bool voters_committed = false;
  bool votes = false;         // this node is among them
  std::size_t quorum = 0;     // of all voters, those included that have been admitted anew
  bool is_protected = false;  // any single loss is survived now (protection.hpp)
  bool pair = false;
  bool alone = false;         // pair mode, and the other is not counted on
  bool other_is_out = false;  // ... and that one cannot go on alone as well: it may be removed
  bool in_pair_sync = false;  // pair mode: this standby may promote itself
  std::string waiting;        // why there is no primary, for people; empty when there is one
  // Known to the primary alone: the highest feature level that all voters and masters say they can,
  // and who keeps it from being higher, in words; empty: nobody does.
  wire::FeatureLevel features_of_all = wire::features::oldest;
  std::string features_held_back;
  std::string failure;  // why this node cannot take part as it should; empty while it does
  bool ended = false;   // ... and takes part no more, until it is restarted
  friend bool operator==(const ClusterView&, const ClusterView&) = default;
};

// How many committed entries the node is known to lack.
inline std::uint64_t lag_of(const ClusterView& view) {
  return view.primary_commit > view.commit ? view.primary_commit.value() - view.commit.value() : 0;
}

}  // namespace tandem::cluster
