// machine.hpp: one computer of the world: a clock, a disk, and a process that may run, hang or be
// gone. The process has the core and the few things that the shell around it would have.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/core/node.hpp"
#include "common/core/worker_fence.hpp"
#include "tests/sim/clock_model.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/event_queue.hpp"
#include "tests/sim/state_machine.hpp"

namespace tandem::sim {

// What a process knows, and forgets when it ends.
struct Process {
  std::unique_ptr<core::Node> node;  // null: a worker without a state directory
  std::vector<core::Outbound> held;  // messages that wait for a write (R2)
  core::WriteNumber durable;
  // The state machine is a thread of its own: committed entries wait for it, also behind snapshots.
  StateMachine state;
  LogIndex applied;
  Term applied_term;  // of that entry
  std::deque<std::variant<core::SnapshotPointer, core::Entry>> to_apply;
  Duration apply_max{0};  // how long a part may take; 0: it is applied at once
  bool apply_planned = false;
  Instant serve_until = Instant::never();    // what the data plane would read
  Instant granted_until = Instant::never();  // ... and when it does not lead
  LogIndex applied_reported;                 // to the core
  std::map<LogIndex, SimTime> draining;      // drains that a primary has applied, and when
  Instant tick_due = Instant::forever();     // the earliest tick that is planned
  bool lapse_shown = false;                  // in the trace, that serve_until has passed
  bool snapshot_planned = false;
  // Clients to answer when the change that they proposed here is applied. The same change may have
  // been proposed elsewhere too, where others answer.
  struct Waiting {
    std::uint32_t client = 0;
    Term proposed_in;
  };
  std::map<core::CommandId, Waiting> waiting;
  // a master's view of the workers
  std::map<std::uint32_t, SimTime> heard;
  Term counts_absent_in;  // the term in which it has caught up, and since when
  SimTime counts_absent_since{0};
  std::uint64_t registered_digest = 0;
  std::set<std::uint32_t> untold;  // workers that have not acknowledged our term yet
  Term announcing;
  // a worker's
  core::WorkerFence fence;
};

struct Machine {
  std::uint32_t index = 0;
  core::NodeId id;
  std::string host;
  bool is_master = false;
  bool has_state_directory = true;
  bool joins = false;  // a master that was started for the cluster that exists
  ClockModel clock;
  Disk disk;
  core::IncarnationId incarnation;
  core::Timing timing;

  bool disk_refuses = false;
  std::uint32_t refusals = 0;  // how often the disk began to refuse
  std::uint64_t life = 0;      // counts its processes
  bool up = false;
  bool frozen = false;
  SimTime frozen_since{0};
  SimTime ended{-1h};           // when its process last ended or froze
  std::vector<Event> inbox;     // what reached it while frozen
  std::uint64_t proposals = 0;  // numbers this master's own changes, over all lives
  Process process;

  core::MemberId member() const { return {id, incarnation}; }
  bool runs() const { return up && !frozen; }
  bool is_primary() const {
    return up && process.node != nullptr && process.node->role() == core::Role::primary;
  }
  // It leads, and has applied everything that was committed before.
  bool has_caught_up() const {
    return is_primary() && process.applied_term == process.node->term();
  }
  // Whether it would serve a request that arrives now.
  bool would_serve(SimTime now) const {
    return runs() && process.node != nullptr && process.serve_until > clock.at(now);
  }
  // The same for one that leads or holds a grant.
  bool would_forward(SimTime now) const {
    const bool granted = runs() && process.node != nullptr && process.granted_until > clock.at(now);
    return granted || would_serve(now);
  }
};

}  // namespace tandem::sim
