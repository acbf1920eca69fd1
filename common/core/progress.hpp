// progress.hpp: what the primary knows of one member's log, and how it sends to it.
//
// `match` only grows: it is what the member has said is durable. `next` runs ahead of it while
// messages are on their way, and falls back when one of them turns out to be lost or refused.
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
  bool probing = true;        // where its log parts from ours is not known: one message at a time
  bool needs_snapshot = false;
  bool discard_log = false;                       // diverged
  Instant answered = Instant::never();            // send time of the latest round it answered (R6)
  Instant heard = Instant::never();               // arrival of its latest answer
  Instant connection_refused = Instant::never();  // as attempted then, the last time
  SessionId session{};
  Instant allowed =
      Instant::never();  // pair mode: when it was last told that it may promote itself

  bool may_send_entries() const { return !needs_snapshot && in_flight < window(); }
  std::size_t window() const { return probing ? 1 : limits::appends_in_flight_max; }

  void accepted(const AppendReply& reply);
  // The member refused what came after `reply.rejected`. False for an old refusal, which changes
  // nothing.
  bool refused(const AppendReply& reply);
  // It committed what the cluster did not: it must begin again from a snapshot (pair mode).
  void diverged();
  // What was on its way may be lost: start again after what is known.
  void restart();
};

}  // namespace tandem::core
