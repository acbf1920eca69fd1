// membership.hpp: which voter to add or remove next. The primary calls it after each committed
// change (R8).
//
// Not everyone who is registered votes: every master does, and of the workers with a state
// directory up to three, so that the number of voters is odd. Witnesses are spread over hosts.
// Additions come before removals: a witness that the registry has forgotten stays a voter until
// another has taken its place. Liveness never changes the voter set; it only decides which addition
// is preferred. Witnesses are useful from the second master on; with one master they could only
// prevent its majority.
//
// Masters join and leave by an operator's command, which is in the replicated state. Here too
// additions come first, including those of the witnesses that the remaining masters need; but a
// candidate that did not catch up last time waits until there is nothing else to do, so that it
// does not block other changes.
//
// A removal must not end service: it is postponed while the remaining voters that have answered
// lately are not a majority of the remaining voters; and once decided, until a majority of them has
// answered again.
//
// Pure functions; any thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "common/core/configuration.hpp"
#include "common/core/inputs.hpp"

namespace tandem::core {

struct AddVoter {
  MemberId id;
  VoterKind kind = VoterKind::master;
  friend bool operator==(const AddVoter&, const AddVoter&) = default;
};
struct RemoveVoter {
  MemberId id;
  friend bool operator==(const RemoveVoter&, const RemoveVoter&) = default;
};
struct SetPair {
  bool pair = false;
  friend bool operator==(const SetPair&, const SetPair&) = default;
};
struct SetGrants {
  bool grants = false;
  friend bool operator==(const SetGrants&, const SetGrants&) = default;
};
using VoterChange = std::variant<AddVoter, RemoveVoter, SetPair, SetGrants>;

// What the primary knows when it asks.
struct Electorate {
  const Configuration& configuration;
  const std::map<NodeId, MemberId>&
      masters;  // those that belong to the cluster and ask to be admitted, by name
  const std::set<MemberId>& living;  // voters: this one, and those that answered lately
  const Registered* registered =
      nullptr;      // null: not known yet; then nobody is removed because of it
  MemberId self{};  // the primary; empty: it may not be removed
  bool pair_failover = true;
  // Pair mode, without the other master: it may be replaced, because it lost its disk or by an
  // operator's command.
  bool alone = false;
  bool other_is_out = false;  // ... and it cannot promote itself: then it may be removed
};

// The number of witnesses wanted beside `masters` masters when `available` could serve: the
// highest, up to three, that makes the number of voters odd.
std::size_t wanted_witnesses(std::size_t masters, std::size_t available);

// Whether this master stays according to the registrations. REQUIRES: registered.masters is not
// empty
bool stays(const Registered& registered, const Configuration& configuration, const NodeId& node);

// Whether the voters of `after` that are in `living` are a majority of it.
bool has_living_quorum(const Configuration& after, const std::set<MemberId>& living);

// The next single change; nothing when the voter set is as it should be. `tried` is an addition
// that did not catch up: another one is preferred to it.
std::optional<VoterChange> next_change(const Electorate& electorate, const MemberId& tried);

}  // namespace tandem::core
