// progress.hpp: what the primary knows of one member's log, and how it sends to it.
//
// `match` only grows: the member has reported everything up to it as durable. `next` runs ahead of
// it while messages are on their way, and falls back when one of them proves lost or refused.
//
// Units: Instants of the primary's clock. Owner: the primary's role.
// Always: match < next <= last index + 1.
#pragma once

#include <cstddef>

#include "common/core/configuration.hpp"
#include "common/core/limits.hpp"
#include "common/core/messages.hpp"

namespace tandem::core {

struct Progress {
  MemberId id;
  VoterKind kind = VoterKind::master;
  LogIndex match{};
  LogIndex next{};
  std::size_t in_flight = 0;  // appends with entries since the last answer
  bool probing = true;  // it is not known where its log departs from ours: one message at a time
  bool needs_snapshot = false;
  bool discard_log = false;                       // diverged
  Instant answered = Instant::never();            // send time of the latest round it answered (R6)
  Instant heard = Instant::never();               // arrival of its latest answer
  Instant connection_refused = Instant::never();  // when the latest attempt that was refused began
  SessionId session{};
  Instant allowed =
      Instant::never();  // pair mode: when it was last told that it may promote itself

  bool may_send_entries() const { return !needs_snapshot && in_flight < window(); }
  std::size_t window() const { return probing ? 1 : limits::appends_in_flight_max; }

  void accepted(const AppendReply& reply);
  // The member refused the entries after `reply.rejected`. False for an outdated refusal, which
  // changes nothing.
  bool refused(const AppendReply& reply);
  // The member has committed entries that the cluster has not: it must begin again from a snapshot
  // (pair mode).
  void diverged();
  // The messages on their way may be lost: continues after `match`.
  void restart();
};

}  // namespace tandem::core
