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

// The disk refuses writes: the fate of the writes that were not reported Durable is unknown, and
// nothing more is written. Repeated while that lasts; see refusing_disk.cpp. `unfit` as in
// HandOver.
struct DiskFailed {
  std::set<NodeId> unfit;
};

// The disk can be written again, whatever it holds now: the next write replaces all of it.
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
// listens at the node's control address. It is taken as proof that the process that the node had at
// that moment has ended, on these conditions, which the shell must ensure:
//  - A process listens at its control address before it takes part, and for as long as it might
//    serve.
//  - The address belongs to that node alone, and nothing on the way answers in its place: a
//    firewall must drop packets, never reject them, and no other program may hold the port open (a
//    listening socket that a supervisor keeps would never refuse, which is safe but slower).
//  - A full backlog does not refuse (Linux drops; leave net.ipv4.tcp_abort_on_overflow at 0).
//  - `attempted` is when the attempt began, on this node's clock. A primary that was heard after
//    that is a newer process, so the promise to it stays.
struct ConnectionRefused {
  NodeId node;
  Instant attempted;
};

// A worker reported a term that it has promised (R10), never 0. A higher one may mean that another
// primary exists. Voters know whether it does, so a primary asks them; no node gives up its term on
// the word of a worker. The next election is for a term above the reported one, so that the worker
// serves the winner. In pair mode there is nobody else to ask, and the worker is believed. Any
// reported term means that a cluster exists, so that a master without a log does not found another.
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

// A master that an operator has made a member of the cluster, whether it votes yet or not.
struct RegisteredMaster {
  NodeId node;
  NodeId replaces{};  // the master that leaves as soon as this one votes; empty: none
};

// Who is registered according to the replicated state (never from heartbeats alone: a worker is
// forgotten by a committed change, and only a forgotten witness is replaced). A shell with a state
// machine reports this before any other input, with `applied` 0 if it knows nothing yet.
struct Registered {
  std::vector<WitnessCandidate> candidates;
  std::vector<std::string> master_hosts;
  // The state is the one after this entry. A state machine lags behind, and after a restart it
  // knows nobody at first. A primary only decides by a state that has applied an entry of its own
  // term, so the shell reports again at that point, even if nobody joined or left.
  LogIndex applied{};
  // Only these are made voters, and a voting master that is not among them is removed. Empty: the
  // state does not list the masters, and those of the options belong to the cluster.
  std::vector<RegisteredMaster> masters{};
  // All masters understand serving grants (serving_grant.hpp), and this one asks for them, or, as a
  // primary, gives them.
  bool grants = false;
};

// The state machine has applied everything up to `index`, and whatever forwards requests here acts
// by it. Reported by masters; a late report only delays grants and their ends.
struct Applied {
  LogIndex index;
};

using Input = std::variant<Tick, Message, Durable, DiskFailed, DiskWorks, Propose, ConnectionLost,
                           ConnectionRefused, TermReported, TermAnnounced, HandOver, SnapshotTaken,
                           Registered, Applied>;

}  // namespace tandem::core
