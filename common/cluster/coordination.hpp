// coordination.hpp: how masters agree on who leads, and on the order of changes.
//
// ClusterNode does it by the built-in protocol, between the members themselves; a coordinator, such
// as etcd, does it for masters none of which votes. Either way there is one leader in a term at
// most, a term is higher than those before it, and an entry that was handed to `apply` stays, at
// its index, on every master. The owner tells what happens by step(), as core/inputs.hpp has it,
// and is told what to do by hooks.
//
// Owner: the thread that runs the loop: it calls all functions that are not marked otherwise, and
// all hooks are called on it. A hook may call step().
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/cluster/cluster_view.hpp"
#include "common/core/inputs.hpp"
#include "common/core/outputs.hpp"
#include "common/wire/cluster_envelope.hpp"

namespace tandem::cluster {

struct ClusterHooks {
  // Until when this node may forward, and in which term; never() = it may not. Called before any
  // message that depends on it is sent (R7).
  std::function<void(Instant until, Term term)> serve_until;
  // Until when this node may forward under a grant, whoever leads (R11).
  std::function<void(Instant until)> granted_until;
  // As a primary: everything up to here is in force at every master that may forward (R11).
  std::function<void(LogIndex)> in_force;
  std::function<void(const core::RoleChange&)> role;
  std::function<void(Term)> announce;  // tell the workers this term, then call step(TermAnnounced)
  std::function<void(core::SnapshotPointer)> restore;
  std::function<void(std::vector<core::Entry>)> apply;
  std::function<void(const core::Refusal&)> refused;
  // Call snapshot_taken() with this number when convenient.
  std::function<void(std::uint64_t restores)> snapshot_wanted;
  std::function<void(const ClusterView&)> view;  // called when something in it has changed
  // Another master reports a different applied state than before.
  std::function<void(const core::NodeId& node, const wire::StateDigest&)> applied;
  // What the primary, another node, has found out about the workers.
  std::function<void(const wire::FoundOut&)> found_out;
};

class Coordination {
 public:
  Coordination() = default;
  virtual ~Coordination() = default;
  Coordination(const Coordination&) = delete;
  Coordination& operator=(const Coordination&) = delete;

  // Opens what it keeps on the disk, before the loop runs. Any one thread.
  virtual Result<> open() = 0;
  // The state to begin with, before the first apply; null: none. REQUIRES: open() succeeded.
  virtual const core::SnapshotPointer& stored_snapshot() const = 0;

  // Begins to take part. `control`: where the others reach this node, as it states itself. The
  // process must already listen there.
  virtual void start(Endpoint control) = 0;
  // Ends taking part: no hook is called any more. The loop can end once the coroutines have
  // noticed.
  virtual void stop() = 0;

  // Something has happened; see core/inputs.hpp. Dropped when the node does not take part.
  virtual void step(core::Input input) = 0;
  // Passes a snapshot of the state after `index`. Dropped if the state was restored since the
  // snapshot was asked for: the cluster may never have had that state (pair mode).
  virtual void snapshot_taken(std::uint64_t restores, LogIndex index, std::string bytes) = 0;

  // Where clients connect, once that is known; empty: nowhere.
  virtual void set_listen(std::string listen) = 0;
  // Where other masters pass requests on to this one; empty: where clients connect.
  virtual void set_inner(std::string inner) = 0;
  // Where the others reach this node from now on, as bound. REQUIRES: start() was called.
  virtual void set_control(Endpoint control) = 0;
  // What this node has found out about the workers, as a primary, for the others.
  virtual void set_found_out(wire::FoundOut found_out) = 0;
  // What the owner has applied, for the others.
  virtual void set_applied(const wire::StateDigest& applied) = 0;
  // The masters whose applied state differs from the owner's, sorted.
  virtual void set_differing(std::vector<std::string> names) = 0;
  // The cluster's feature level, from the replicated state. A lower one than before is ignored.
  // REQUIRES: not above ClusterOptions::features_max
  virtual void set_feature_level(wire::FeatureLevel level) = 0;
  // The owner cannot apply what was committed: this node no longer takes part.
  virtual void give_up(const Error& error) = 0;
};

}  // namespace tandem::cluster
