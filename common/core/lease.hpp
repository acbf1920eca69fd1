// lease.hpp: how long a primary may serve, and how long a voter has promised not to elect another.
//
// Both rest on one argument. A primary sends a round at time s; each voter that answers promises to
// vote for nobody else for one election timeout, counted from the arrival of the round. So until s
// + election timeout no majority can elect another primary, whatever the network does, and the
// primary stops a clock margin before that. The lease counts from the SENDING of the round (R6):
// otherwise a process that was frozen would take old answers for fresh promises.
//
// A promise is not stored: a voter that restarts keeps quiet for an election timeout instead.
//
// Units: Instants of this node's clock. Owner: one Node. Always: serve_until() never exceeds the
// send time of an answered round plus the lease.
#pragma once

#include <vector>

#include "common/core/ids.hpp"
#include "common/core/options.hpp"

namespace tandem::core {

class Lease {
 public:
  explicit Lease(Duration lease);

  // A quorum has answered rounds that were sent at `sent` or later. An earlier time than before
  // changes nothing.
  void renew(Instant sent);

  // Never, until a round has been answered.
  Instant serve_until() const { return serve_until_; }

 private:
  Duration lease_;
  Instant serve_until_ = Instant::never();
};

// The latest instant such that `quorum` of the members answered a round sent then or later.
// REQUIRES: 0 < quorum <= answered.size()
Instant answered_by(std::vector<Instant>& answered, std::size_t quorum);

class Promise {
 public:
  // Promises `primary` to elect nobody else before `until`. A promise only becomes longer, unless
  // the primary changes.
  void give(const MemberId& primary, Instant until);
  // A promise to vote for nobody at all: after a restart the voter no longer knows what it promised
  // to whom.
  void keep_quiet(Instant until);
  // The primary's process is known to have ended, or the primary has announced that it stopped
  // serving.
  void drop();

  // True while this voter may not vote for `candidate`. The primary that holds the promise may
  // always ask: it knows that it no longer leads.
  bool binds(const MemberId& candidate, Instant now) const;
  // How long the promise still lasts; zero when it has ended.
  Duration left(Instant now) const;
  Instant until() const { return until_; }
  const MemberId& primary() const { return primary_; }

 private:
  MemberId primary_;
  Instant until_ = Instant::never();
};

}  // namespace tandem::core
