// configuration.hpp: who votes.
//
// A configuration is an entry of the log, and a node acts on the newest one in its log whether
// committed or not (Ongaro 2014, §4.1). Consecutive configurations differ by one voter, so any
// majority of one meets any majority of the next (R8). A node that lost its disk is another voter,
// admitted anew: its old incarnation stays in the configuration until it is removed (R9).
//
// Units: none. Owner: values, any thread. Always: voters are sorted by member and distinct.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/core/ids.hpp"

namespace tandem::core {

enum class VoterKind {
  master,   // votes, campaigns, leads
  witness,  // a worker with a state directory: votes and stores the log, but never campaigns or
            // leads
};

struct Voter {
  MemberId id;
  VoterKind kind = VoterKind::master;
  LogIndex since;  // the entry that admitted it: of two incarnations of a node, the later one lives

  friend bool operator==(const Voter&, const Voter&) = default;
};

struct Configuration {
  std::vector<Voter> voters;
  bool pair = false;  // two masters and no witness: see pair_mode.hpp
  bool was_protected =
      false;  // three nodes have voted since it was a pair: it does not silently become one again
  bool grants = false;  // masters that do not lead may forward: see serving_grant.hpp

  // The voter with exactly this incarnation; nullptr when there is none.
  const Voter* find(const MemberId& id) const;
  bool contains(const MemberId& id) const { return find(id) != nullptr; }
  // The living incarnation of a node; nullptr when the node does not vote.
  const Voter* current(const NodeId& node) const;
  // True for a voter whose node has been admitted again under a later incarnation.
  bool is_superseded(const Voter& voter) const;

  std::size_t quorum() const { return voters.size() / 2 + 1; }
  std::size_t count(VoterKind kind) const;  // superseded incarnations do not count
  std::size_t nodes() const;                // distinct names
  bool empty() const { return voters.empty(); }

  // REQUIRES: !contains(voter.id)
  Configuration with(Voter voter) const;
  // REQUIRES: contains(id), and another voter remains
  Configuration without(const MemberId& id) const;

  friend bool operator==(const Configuration&, const Configuration&) = default;
};

// True when every majority of one shares a voter with every majority of the other.
bool majorities_meet(const Configuration& a, const Configuration& b);

// True when both names mean one voter: same node, and same incarnation (R9).
bool same_member(const MemberId& a, const MemberId& b);

// "a b w(witness)", with " pair" in pair mode; for traces and status.
std::string to_string(const Configuration& configuration);

}  // namespace tandem::core
