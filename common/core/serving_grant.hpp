// serving_grant.hpp: how a master that does not lead may forward by itself, and when the primary
// knows that a change is in force at all of them (R11).
//
// A master asks at its own time s. The primary, while its lease holds, grants it a duration D, by
// the entries up to its commit index c: the master may forward until s + D, less a margin, once its
// state has applied c. The primary remembers the arrival of the question + D, which is always later
// than what the master believes. So a change that takes something away (a drain, a removed route)
// is in force everywhere once it is committed and each master that holds a grant has reported that
// it has applied it, or its grant has run out.
//
// A primary does not know what earlier ones have granted. They did so before its election, so all
// of that has run out a duration after it. Grants outlive an election: nobody stops forwarding
// because the primary is gone.
//
// Units: HeldGrant has Instants of the master's clock, GivenGrants those of the primary's; neither
// ever reads the other's. Owner: one Node.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "common/core/ids.hpp"
#include "common/core/messages.hpp"
#include "common/core/options.hpp"

namespace tandem::core {

// The primary's side.
class GivenGrants {
 public:
  // What earlier primaries have granted has run out `length` after `elected`.
  GivenGrants(Duration length, Instant elected)
      : length_(length), earlier_until_(elected + length) {}

  // A master said what it has applied, and perhaps asked for a grant.
  void heard(const MemberId& master, const GrantRequest& request, Instant arrival);
  // The answer to the master's last question; nothing when it did not ask, or long ago.
  std::optional<Grant> give(const MemberId& master, Instant now);
  // Its state begins anew (pair mode), so it may have less than it has reported.
  void begins_anew(const MemberId& master);

  // Forgets masters that are not in it: when they were removed, they held no grant any more.
  void keep_only(const Configuration& configuration);

  // True when the master cannot forward any more, unless it is given another grant.
  bool is_over(const MemberId& master, Instant now) const;
  bool are_over(Instant now) const;
  // The last entry that this master acts by, if it may forward; forever: it may not.
  LogIndex in_force(const MemberId& master, Instant now) const;

 private:
  struct Given {
    Instant asked = Instant::never();    // the master's clock
    Instant arrived = Instant::never();  // ours
    SessionId session{};
    LogIndex applied{};
    Instant until = Instant::never();
  };

  Duration length_;
  Instant earlier_until_;
  std::map<MemberId, Given> given_;
};

// The other masters' side.
class HeldGrant {
 public:
  // Takes an answer. REQUIRES: it answers a question of this run of the process
  void take(const Grant& grant, Duration usable, LogIndex commit);
  // The state has applied everything up to here.
  void applied(LogIndex index);
  // The state begins anew (pair mode): what was granted counts no more.
  void drop();

  // Until when this master may forward; never: not at all.
  Instant until() const { return until_; }

 private:
  struct Waiting {
    Instant until;
    LogIndex commit;
  };

  Instant until_ = Instant::never();
  LogIndex applied_;
  std::deque<Waiting> waiting_;  // for the state; at most limits::grants_waiting_max
};

}  // namespace tandem::core
