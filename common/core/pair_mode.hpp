// pair_mode.hpp: two masters and no witness: availability first.
//
// Two voters survive no loss. Pair mode, a flag of the configuration and thus an entry of the log,
// lets one of the two go on without the other, and says so: the cluster is not protected.
//
//  - A master may promote itself only if it held every committed change when it last heard of the
//    other: the standby while the primary counts on it ("in sync"), or the primary itself.
//  - The standby does so after three silent lease times. A primary that lost its standby stops
//    after one, as always, and promotes itself, in a new term, after four. So when the cable
//    between them is cut, the standby is first, its term reaches the workers, and the old primary
//    hears of it there and stays quiet.
//  - Refused connections need no silence: the other process is gone.
//  - Self-promotion has no second vote, so the two draw from different terms: even ones belong to
//    the voter that comes first by name, odd ones to the other.
//  - A primary that is alone commits alone. It counts on its standby again, and needs it again for
//    each commit, once that has everything.
//  - "In sync" is said to one life of the standby's process. A restart begins a new one, and so
//    does a stall long enough for the other to have moved on.
//  - A pair ends, for a third voter or for one master alone, only once its standby has answered
//    that it may not promote itself any more: by the configuration that it knows it still could.
//    A primary that is alone may remove it once it has answered in the new term, in which nobody
//    has told it that it may, or once its machine has refused a connection since: its process is
//    gone, and the next one may not promote itself. From silence alone nothing follows.
//
// What it cannot give: cut off from each other and with no worker that reaches both, the two serve
// at once, and what the lower term committed since is discarded when they meet again. No mode of
// two can avoid that; a third voter does. Once three nodes have voted there is no way back to it
// but an operator's word, when two masters are all that is wanted.
//
// Units: own clock. Owner: one Node.
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
  // The other was heard at `now`, and this is what we are to each other.
  void heard(Standing standing, Instant now);
  void lose() { standing_ = Standing::out_of_sync; }

  // When this master may promote itself; forever() when it may not.
  Instant promotion_due() const;
  // True when the due time was missed by so much that the other may have gone on meanwhile: this
  // process was stalled, and cannot tell silence from its own absence.
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
