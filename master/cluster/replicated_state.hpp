// replicated_state.hpp: the state machine under the log: each committed command is applied to the
// registry, once.
//
// A command carries the life of the master that proposed it and a number of that life; the state
// remembers the last number of each life, so that a command that is in the log twice changes
// nothing the second time. Lives are forgotten when limits::command_clients_max newer ones have
// proposed something, by all masters alike.
//
// Owner: the control loop's thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/core/entry.hpp"
#include "master/cluster/state_document.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

class ReplicatedState {
 public:
  // `registry` outlives it.
  explicit ReplicatedState(Registry& registry) : registry_(registry) {}

  // A committed entry. Entries that were applied are passed over: a snapshot may be newer than what
  // is on its way. Errors: `invalid`, `conflict`: this version does not understand it; then nothing
  // has changed, and nothing after it may be applied.
  Result<> apply(const core::Entry& entry, Instant now);
  LogIndex applied() const { return applied_; }
  // The term of that entry: a primary whose own term it is has applied all that was committed
  // before its election.
  Term term() const { return term_; }

  std::string to_bytes() const;
  // The state becomes that of a snapshot. Errors: `invalid`; then nothing has changed.
  Result<> restore(const core::Snapshot& snapshot, Instant now);

 private:
  bool is_new(const core::Command& command, LogIndex index);

  Registry& registry_;
  LogIndex applied_;
  Term term_;
  CommandClients clients_;
};

}  // namespace tandem::master
