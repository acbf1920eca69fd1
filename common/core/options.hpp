// options.hpp: what a node is told at its start: who it is, who the masters are, and the timing.
//
// Units: Durations of the node's own clock. Owner: a value.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/core/configuration.hpp"
#include "common/core/limits.hpp"

namespace tandem::core {

struct Timing {
  // Between two rounds of the primary. A shorter one notices a loss sooner and costs more messages;
  // all members must use the same.
  Duration heartbeat = 100ms;
  // How long a voter keeps its promise after it answered a round, and how long a standby waits
  // before it campaigns. A shorter one fails over sooner; with one that is too short, a slow disk
  // or network looks like a dead primary. DANGER: it must be the same on all members, because the
  // primary's lease is computed from it.
  Duration election_timeout = 500ms;
  // Subtracted from the lease because clocks run at different rates. 25 ms of 500 ms covers 5 %
  // between the fastest and the slowest clock. DANGER: if it is too small, two primaries can serve
  // at once.
  Duration clock_margin = 25ms;

  // How long the primary may serve after the send time of a round that a majority answered (R6).
  Duration lease() const { return election_timeout - clock_margin; }
  // How long a serving grant lasts, counted by the primary from the arrival of the question. It
  // outlives an election after the primary froze, and a drain waits this long for a master that is
  // cut off.
  Duration grant() const { return 3 * election_timeout; }
  // ... and how long the master that asked uses it, counted from its question: shorter by as many
  // margins.
  Duration grant_usable() const { return 3 * lease(); }

  friend bool operator==(const Timing&, const Timing&) = default;
};

// The state of a lost cluster, from which a new one is founded in place of an empty state.
struct Restoration {
  Term after;         // workers may remember this term: the new cluster's terms are above it
  std::string bytes;  // the state machine's; at most limits::snapshot_bytes_max
};

struct Options {
  MemberId self;  // the name, and the incarnation of the data directory
  VoterKind kind = VoterKind::master;
  std::vector<NodeId>
      masters;  // every master of the cluster, this one included; empty for a witness. Once the
                // state lists the masters (Registered), that takes precedence
  ClusterId joins{};  // the cluster that a new master must join: it founds none, and no other
                      // cluster may admit it. 0: the masters of its list tell it
  Timing timing;
  // With two masters and no witness: true lets one continue without the other, at the cost that
  // pair_mode.hpp describes; false stops service until both are there.
  bool pair_failover = true;
  // For the founder only; null: an empty state. With it, workers that remember a term belong to the
  // lost cluster, and do not prevent the founding.
  std::shared_ptr<const Restoration> restoration{};
  // A master that does not lead asks the other voters this often whether it reaches them
  // (reach.hpp). A shorter one notices a lost link sooner and costs messages; 0: it asks nobody,
  // and its primary takes it for one that reaches all.
  Duration reach_interval{0};
  // Entries in one append message, at most limits::append_entries_max. A smaller number only slows
  // repair down.
  std::size_t append_entries_max = limits::append_entries_max;
  // Log entries kept before a snapshot is asked for, at most limits::log_entries_max.
  std::size_t log_entries_max = limits::log_entries_max;

  // Errors: `invalid`, one sentence that names the field.
  Result<> validate() const;
};

}  // namespace tandem::core
