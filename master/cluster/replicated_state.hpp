// replicated_state.hpp: the state machine on top of the log: it applies each committed command to
// the registry once.
//
// A command carries the id of the run ("life") of the master that proposed it, and a number within
// that run; the state remembers the last number of each run, so that a command that is in the log
// twice changes nothing the second time. All masters alike forget a run when
// limits::command_clients_max newer ones have proposed something.
//
// Owner: the control loop's thread.
#pragma once

#include <cstdint>
#include <functional>
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

// Is told of each change before it is applied; what it returns is called once the change was made.
using ChangeWatch = std::function<std::function<void()>(const core::Entry&, const AuthoredChange&,
                                                        const ClusterState&)>;

// The result of a change for its author: made, or the reason why not. The same on all masters.
using Outcome = Result<>;

class ReplicatedState {
 public:
  // `registry` outlives it.
  explicit ReplicatedState(Registry& registry, ChangeWatch watch = {})
      : registry_(registry), watch_(std::move(watch)) {}

  // Applies a committed entry. Returns the outcome of its command (ClusterState::apply()) the first
  // time that it is in the log; nothing for any other entry. Entries that were already applied are
  // skipped, because a snapshot may be newer than entries on their way. Errors: `invalid`,
  // `conflict`: this version does not understand the entry; then nothing has changed, and no later
  // entry may be applied.
  Result<std::optional<Outcome>> apply(const core::Entry& entry, Instant now);
  LogIndex applied() const { return applied_; }
  // The term of the last applied entry: if it is a primary's own term, the primary has applied
  // everything that was committed before its election.
  Term term() const { return term_; }

  // The digest of everything in a snapshot; equal for equal states.
  std::uint64_t digest() const { return registry_.state().digest() + clients_digest_; }

  std::string to_bytes() const;
  // Replaces the state by that of a snapshot. Errors: `invalid`; then nothing has changed.
  Result<> restore(const core::Snapshot& snapshot, Instant now);

 private:
  bool is_new(const core::Command& command, LogIndex index);
  void set_clients(CommandClients clients);

  Registry& registry_;
  const ChangeWatch watch_;
  LogIndex applied_;
  Term term_;
  CommandClients clients_;
  std::uint64_t clients_digest_ = 0;
};

}  // namespace tandem::master
