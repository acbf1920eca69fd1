// membership.hpp: which voter to add or remove next. The primary asks after each committed change
// (R8).
//
// Registered is not voter: every master votes, and of the workers with a state directory up to
// three, so that the number of voters is odd. Witnesses are spread over hosts. Add before remove: a
// witness that the registry has forgotten stays a voter until another has taken its place. Liveness
// never edits the voter set; it only says whom to prefer as an addition. A second master makes
// witnesses useful; with one master they could only stand in its way.
//
// Masters come and go by an operator's word, which is in the replicated state. Here too additions
// go first, those of witnesses that the remaining masters want included; but what did not catch up
// last time waits until nothing else is to be done, so that it holds nothing up.
//
// A removal must not end service: it is put off while the voters that remain, and have answered
// lately, would be fewer than a majority of them; and once decided, until a majority of them has
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
using VoterChange = std::variant<AddVoter, RemoveVoter, SetPair>;

// What the primary knows when it decides.
struct Electorate {
  const Configuration& configuration;
  const std::map<NodeId, MemberId>& masters;  // that belong and ask to be admitted, by name
  const std::set<MemberId>& living;           // voters: this one, and who answered lately
  const Registered* registered = nullptr;     // null: not known yet; then nobody is removed for it
  MemberId self{};                            // the primary; empty: it stays
  bool pair_failover = true;
  // Pair mode, without the other: that one may be replaced, because it lost its disk, or by an
  // operator's word.
  bool alone = false;
  bool other_is_out = false;  // ... and that one cannot go on alone: then it may be removed
};

// Witnesses wanted beside this many masters, when this many could serve: the most, up to three,
// that makes the number of voters odd.
std::size_t wanted_witnesses(std::size_t masters, std::size_t available);

// Whether this master stays by what is registered. REQUIRES: registered.masters is not empty
bool stays(const Registered& registered, const Configuration& configuration, const NodeId& node);

// Whether those of `living` that vote in `after` are a majority of it.
bool has_living_quorum(const Configuration& after, const std::set<MemberId>& living);

// The next single change; none when the voter set is as it should be. `tried` is an addition that
// did not catch up: it is passed over when another would do.
std::optional<VoterChange> next_change(const Electorate& electorate, const MemberId& tried);

}  // namespace tandem::core
