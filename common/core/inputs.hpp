// inputs.hpp: what can happen to a node. The shell (or the simulator) reports each of these to
// Node::step(), with the time at which it reports it.
//
// Owner: values. Order: the shell reports what happened in the order in which it happened.
#pragma once

#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/base/time.hpp"
#include "common/core/entry.hpp"
#include "common/core/messages.hpp"

namespace tandem::core {

// Time has passed. Due at Node::deadline(); harmless at any other time.
struct Tick {};

// Write `number`, and every write before it, has reached the disk.
struct Durable {
  WriteNumber number;
};

// The disk refuses: nothing is known of the writes that were not reported Durable, and nothing more
// is written. Repeated while that lasts; see refusing_disk.cpp. `unfit` as in HandOver.
struct DiskFailed {
  std::set<NodeId> unfit;
};

// The disk writes again, and may hold anything: the next write replaces all of it.
struct DiskWorks {};

// A change to append to the log. Only a primary accepts it; Outputs::refused says so otherwise.
struct Propose {
  CommandId id;
  std::string bytes;
};

// The connection to a node broke. What was on its way may be lost.
struct ConnectionLost {
  NodeId node;
};

// A connection attempt was answered with "connection refused": the machine is there, and nothing
// listens at the node's control address. It is taken as proof that the node's process of that
// moment is gone, on these conditions, which the shell must keep:
//  - A process listens at its control address before it takes part, and as long as it might serve.
//  - The address belongs to that node alone, and nothing on the way answers in its place: a
//    firewall must drop, never reject, and no other program may hold the port open (a listening
//    socket that a supervisor keeps would never refuse, which is safe, and slower).
//  - A full backlog does not refuse (Linux drops; leave net.ipv4.tcp_abort_on_overflow at 0).
//  - `attempted` is when the attempt began, on this node's clock. A primary that was heard after
//    that is a newer process, and keeps its promise.
struct ConnectionRefused {
  NodeId node;
  Instant attempted;
};

// A worker reported a term that it has promised (R10), never 0. A higher one may mean that another
// primary exists: voters know, so a primary asks them, and nobody gives up a term of its own for a
// worker's word. The next election is for a term above it, so that the worker serves whoever wins.
// In pair mode there is nobody else to ask, and the word is taken.
// Any one means a cluster exists, so that a master without a log does not found another.
struct TermReported {
  Term term;
};

// Every worker that can be reached has been told this term; the primary may forward (R10).
struct TermAnnounced {
  Term term;
};

// Hand leadership over. An empty target leaves the choice to the core.
struct HandOver {
  NodeId to;
  std::set<NodeId> unfit{};  // masters whose disks are known to refuse: they could not be elected
};

// A snapshot of the state machine after `index`, which this node has applied.
struct SnapshotTaken {
  LogIndex index;
  std::string bytes;
};

// A registered worker with a state directory.
struct WitnessCandidate {
  MemberId id;
  std::string host;  // where it runs; voters are spread over hosts
  bool live = false;
};

// A master that belongs to the cluster by an operator's word, whether it votes yet or not.
struct RegisteredMaster {
  NodeId node;
  NodeId replaces{};  // who belongs no more as soon as this one votes; empty: nobody
};

// Who is registered, from the replicated state (never from heartbeats alone: a worker is forgotten
// by a committed change, and only a forgotten witness is replaced). A shell with a state machine
// reports before anything else happens, with `applied` 0 if it knows nothing yet.
struct Registered {
  std::vector<WitnessCandidate> candidates;
  std::vector<std::string> master_hosts;
  // The state is that after this entry. A state machine lags behind, and after a restart it knows
  // nobody at first: a primary decides by what was applied up to an entry of its own term only, so
  // the shell reports again then, even if nobody came or went.
  LogIndex applied{};
  // Only these are made voters, and a voting master that is none of them is removed. None at all:
  // the state does not say, and the masters of the options belong.
  std::vector<RegisteredMaster> masters{};
};

using Input = std::variant<Tick, Message, Durable, DiskFailed, DiskWorks, Propose, ConnectionLost,
                           ConnectionRefused, TermReported, TermAnnounced, HandOver, SnapshotTaken,
                           Registered>;

}  // namespace tandem::core
