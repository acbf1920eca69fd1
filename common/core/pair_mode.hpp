// pair_mode.hpp: two masters and no witness, with availability first.
//
// Two voters survive no loss. Pair mode, a flag of the configuration and thus part of the log, lets
// one of the two continue without the other; status then says that the cluster is not protected.
//
//  - A master may promote itself only if it held every committed change when it last heard of the
//    other: the standby while the primary counts on it ("in sync"), or the primary itself.
//  - The standby does so after three silent lease times. A primary that lost its standby stops
//    after one, as always, and promotes itself, in a new term, after four. So when the cable
//    between them is cut, the standby is first, its term reaches the workers, and the old primary
//    hears of it there and stays quiet.
//  - A refused connection makes the wait unnecessary: the other process has ended.
//  - Self-promotion has no second vote, so the two draw from different terms: even ones belong to
//    the voter that comes first by name, odd ones to the other.
//  - A primary that is alone commits alone. Once its standby has everything again, the primary
//    counts on it, and needs it for each commit.
//  - "In sync" holds for one session of the standby's process. A restart begins a new session, and
//    so does a stall during which the other may have continued alone.
//  - A pair ends, when a third voter is added or one master removed, only once its standby has
//    answered that it may no longer promote itself: according to the configuration that the standby
//    knows, it still could. A primary that is alone may remove the other once that one has answered
//    in the new term, in which nobody has told it that it may promote itself, or once its machine
//    has refused a connection since: its process has ended, and the next one may not promote
//    itself. Silence proves nothing.
//
// Its price: when the two are cut off from each other and no worker reaches both, both serve at
// once, and what the lower term committed since is discarded when they meet again. No mode with two
// voters can avoid that; a third voter does. Once three nodes have voted, the cluster returns to
// pair mode only at an operator's command, when two masters are all that is wanted.
//
// Units: Instants of this node's clock. Owner: one Node.
#pragma once

#include "common/core/configuration.hpp"
#include "common/core/options.hpp"

namespace tandem::core {

enum class Standing {
  out_of_sync,  // must not promote itself
  standby,      // in sync, following
  was_primary,  // led until its standby fell silent
};

class PairStanding {
 public:
  // REQUIRES: timing is valid
  explicit PairStanding(const Timing& timing) : lease_(timing.lease()) {}

  Standing standing() const { return standing_; }
  // The other was heard at `now`; `standing` is this master's from then on.
  void heard(Standing standing, Instant now);
  void lose() { standing_ = Standing::out_of_sync; }

  // When this master may promote itself; forever() when it may not.
  Instant promotion_due() const;
  // True when the due time was missed by so much that the other may have continued alone meanwhile:
  // this process was stalled, and cannot tell the other's silence from its own absence.
  bool was_stalled(Instant now) const;

 private:
  Duration lease_;
  Standing standing_ = Standing::out_of_sync;
  Instant heard_;
};

// The first term after `current` that `self` may take without the other's vote.
// REQUIRES: configuration has two nodes, self is one of them
Term self_promotion_term(const Configuration& configuration, const MemberId& self, Term current);

}  // namespace tandem::core
