// cluster_view.hpp: what a member knows about its cluster, for code that shows it or acts on it.
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
  LogIndex match;  // as known by `told_by`; while that is empty, 0 except for the node itself
  // As known by `told_by`: when it was last heard, if that is more than an election timeout ago.
  std::optional<Instant> silent_since{};
  // Known to the primary only: it has answered nothing since the election, and is not silent yet.
  bool unheard = false;
  // Why it cannot write its log, as it reports; empty while it can. Otherwise it votes for nobody,
  // and does not count for commits.
  std::string disk_failure{};
  // Known to the primary only: an entry that it had reported as durable and lacks now; 0: none.
  // With one it is not counted any more.
  LogIndex denied{};
  bool behind = false;  // known to the primary only: it answers, and lacks many entries
  // Known to the primary only, of the other masters: the voters that it reports not to reach, and
  // whether it holds the newest list of the voters.
  std::vector<std::string> unreached{};
  bool knows_voters = true;
  friend bool operator==(const VoterView&, const VoterView&) = default;
};

// A node's addresses, as stated in its own envelopes.
struct NodeAddresses {
  Endpoint control;                // numeric
  std::optional<Endpoint> listen;  // numeric; empty for a witness
  // numeric; where requests are passed on to it; empty: at `listen`
  std::optional<Endpoint> inner{};
  std::string pass;
  // It is bound to all addresses of its machine: `control` and `listen` have one of them.
  bool controls_everywhere = false;
  bool listens_everywhere = false;
  friend bool operator==(const NodeAddresses&, const NodeAddresses&) = default;
};

// What says who leads, in place of voters.
struct CoordinatorView {
  std::string kind;  // etcd
  std::vector<std::string> endpoints;
  std::optional<Instant> unreached_since{};  // unset: it answers
  std::string why{};                         // it does not; empty while it does
  friend bool operator==(const CoordinatorView&, const CoordinatorView&) = default;
};

struct ClusterView {
  core::ClusterId cluster;  // 0: none is known yet
  core::Role role = core::Role::follower;
  Term term;
  core::NodeId primary;                            // empty: no primary is known
  std::optional<NodeAddresses> primary_addresses;  // of another node
  std::map<std::string, NodeAddresses> masters;    // the other ones, by name
  LogIndex commit;
  LogIndex last;  // of this node's log
  // The commit index in the primary's last message, and when that was heard.
  LogIndex primary_commit;
  Instant primary_heard = Instant::never();
  std::vector<VoterView> voters;
  // The source of what follows about the voters: this node when it leads, or the primary when it
  // was heard within an election timeout. Empty: there is none, and the voters are those of this
  // node's log.
  core::NodeId told_by;
  LogIndex told_commit;  // the commit index at that time
  std::string told_why;  // the primary's explanation of `is_protected`
  // False while the newest change of voters is not committed, and may still be lost.
  bool voters_committed = false;
  bool votes = false;         // this node is among them
  std::size_t quorum = 0;     // of all voters, including superseded incarnations
  bool is_protected = false;  // any single loss is survived now (protection.hpp)
  // The masters that have applied the same log as this one to another state; sorted. With one there
  // is no protection.
  std::vector<std::string> differing{};
  bool pair = false;
  bool grants = false;        // masters that do not lead may forward under grants
  bool alone = false;         // pair mode, and this primary does not count on the other
  bool other_is_out = false;  // ... and the other cannot promote itself, so it may be removed
  bool in_pair_sync = false;  // pair mode: this standby may promote itself
  std::string waiting;        // why there is no primary, for people; empty when there is one
  // Known to the primary only: the highest feature level that all voters and masters support, and
  // which of them prevent a higher one, in words; empty: none.
  wire::FeatureLevel features_of_all = wire::features::oldest;
  std::string features_held_back;
  std::string failure;  // why this node cannot take part as it should; empty while it can
  bool ended = false;   // ... and no longer takes part until it is restarted
  // Unset: members vote. Set: nobody does, `voters` is empty, and `votes` says that this node takes
  // part.
  std::optional<CoordinatorView> coordinator{};
  friend bool operator==(const ClusterView&, const ClusterView&) = default;
};

// How many committed entries the node is known to lack.
inline std::uint64_t lag_of(const ClusterView& view) {
  return view.primary_commit > view.commit ? view.primary_commit.value() - view.commit.value() : 0;
}

}  // namespace tandem::cluster
