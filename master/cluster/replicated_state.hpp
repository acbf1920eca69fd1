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
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/core/entry.hpp"
#include "master/cluster/state_document.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

// Of a change, as its author is told: made, or why not. The same on all masters.
using Outcome = Result<>;

class ReplicatedState {
 public:
  // `registry` outlives it.
  explicit ReplicatedState(Registry& registry) : registry_(registry) {}

  // A committed entry. Returns the outcome of its command, the first time that this is in the log
  // (ClusterState::apply()); nothing for any other entry. Entries that were applied are passed
  // over: a snapshot may be newer than what is on its way. Errors: `invalid`, `conflict`: this
  // version does not understand it; then nothing has changed, and nothing after it may be applied.
  Result<std::optional<Outcome>> apply(const core::Entry& entry, Instant now);
  LogIndex applied() const { return applied_; }
  // The term of that entry: a primary whose own term it is has applied all that was committed
  // before its election.
  Term term() const { return term_; }

  // Of all that a snapshot holds; alike for equal states.
  std::uint64_t digest() const { return registry_.state().digest() + clients_digest_; }

  std::string to_bytes() const;
  // The state becomes that of a snapshot. Errors: `invalid`; then nothing has changed.
  Result<> restore(const core::Snapshot& snapshot, Instant now);

 private:
  bool is_new(const core::Command& command, LogIndex index);
  void set_clients(CommandClients clients);

  Registry& registry_;
  LogIndex applied_;
  Term term_;
  CommandClients clients_;
  std::uint64_t clients_digest_ = 0;
};

}  // namespace tandem::master
