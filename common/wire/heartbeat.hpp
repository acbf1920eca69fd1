// heartbeat.hpp: POST /heartbeat, worker -> every master.
//
// The first heartbeat of a worker is its registration: each heartbeat carries everything, so that a
// master that knows nothing (it has just started, or lost its state) learns about the worker from
// the next one.
//
//   {"name": "w1", "incarnation": "6f1c...", "service": "default", "address": "127.0.0.1:9001",
//    "weight": 100, "connections": 64, "in_flight": 3, "state": "up", "takes_proof": true,
//    "term": 3, "protocol": "http2", "tls": true, "witness_incarnation": 4711,
//    "witness_control": "127.0.0.1:9101", "sequence": 5}
//
// A witness that makes the connections to the masters itself has "witness_dials": 4711 in place of
// the two, which earlier masters ignore.
//
//   {"node": "a", "role": "primary", "term": 1, "primary": "a", "interval_ms": 1000,
//    "registered": true, "removed": false, "cluster_heartbeat_ms": 100, "election_timeout_ms": 500,
//    "key": "0a1b...", "takes_repeats": true}
//
// With "takes_repeats" in the answer the next heartbeats may have the short form
// (repeated_heartbeat.hpp), as long as nothing changes but in_flight and term.
//
// An answer may also have "checks", the service's settings for health checks, "warning", and
// "masters": "a=10.0.0.1:7070 b=10.0.0.2:7070", the control addresses of all, with "masters_as_of":
// 42 and "cluster": "8311...".
//
// Durations on the wire are whole milliseconds, and their names say so. Unknown members that are
// scalars are ignored, so that newer workers can talk to older masters; unknown objects and arrays
// are refused, since what is not read must stay small.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/strong.hpp"
#include "common/base/time.hpp"
#include "common/wire/worker_protocol.hpp"

namespace tandem::wire {

// A worker's own account of its condition; "state" on the wire: up, failing, draining, bye.
enum class WorkerCondition {
  up,        // serves
  failing,   // alive, but the service behind it (--target) fails its health check
  draining,  // finishes the requests that it has, and wants no more
  bye,       // is leaving now
};
const char* to_string(WorkerCondition condition);
std::optional<WorkerCondition> parse_condition(std::string_view word);

// A worker with a state directory: it may be made a voter of the cluster.
struct WitnessOffer {
  std::uint64_t incarnation = 0;  // of the directory: 1 to 2^53 - 1
  // Where it receives messages: numeric, host as in `address`; port 0: nowhere, it makes the
  // connections.
  Endpoint control;
  bool dials() const { return control.port == 0; }
  friend bool operator==(const WitnessOffer&, const WitnessOffer&) = default;
};

struct Heartbeat {
  std::string name;         // unique in the cluster
  std::string incarnation;  // new at each start of the worker: 1 to 64 characters of a name
  std::string service = "default";
  Endpoint address;  // numeric, port not 0; host 0.0.0.0 or :: means "the address you hear me from"
  unsigned weight = 100;      // 0 to limits::weight_max; 0 = no traffic
  unsigned connections = 64;  // how many it accepts: 1 to limits::worker_connections_max
  unsigned in_flight = 0;     // requests that it is working on now
  WorkerCondition condition = WorkerCondition::up;
  // It refuses requests of lower terms than it has promised (R10), and believes only proven terms
  // (term_proof.hpp).
  bool takes_proof = false;
  Term term;  // the one that it has promised; 0: none yet
  // What it speaks; nothing: what its service's settings say. Earlier masters go by those.
  std::optional<WorkerProtocol> protocol;
  std::optional<WitnessOffer> witness;
  // It serves TLS alone, by its certificate of the cluster, and masters show theirs.
  bool tls = false;
  // Grows with each change of what stands above, apart from in_flight and term; 0: it is never
  // repeated in the short form.
  std::uint64_t sequence = 0;

  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

struct HeartbeatReply {
  std::string node;      // who answers
  std::string role;      // primary | standby | candidate
  Term term;             // 0 before the first election
  std::string primary;   // the primary's node name, empty when unknown
  Duration interval{0};  // the interval between heartbeats from now on
  bool registered = false;
  bool removed = false;  // an operator removed this incarnation: it must stop its heartbeats
  // The cluster's timing, which a witness needs; 0 from a master that has none.
  Duration cluster_heartbeat{0};
  Duration election_timeout{0};
  // The worker's key, with which masters prove their terms; empty: none yet, or the worker takes no
  // proof.
  std::string key{};
  // The service's settings for health checks and its protocol, for a worker that probes its service
  // itself: KEY=VALUE as parse_setting() reads them, separated by spaces. Empty: none.
  std::string checks{};
  // What the master finds wrong with the heartbeat, a sentence; empty: nothing.
  std::string warning{};
  // The masters of the cluster, NAME=HOST:PORT separated by spaces; empty: not stated.
  std::string masters{};
  // The entry of the log after which that was so, and the cluster whose log it is: of two lists of
  // one cluster the one with the higher number counts, whoever states it. 0 and empty: the list is
  // that of the flags, or by an earlier version.
  std::uint64_t masters_as_of = 0;
  std::string cluster{};
  // The document was kept: its sequence stands for it from now on.
  bool takes_repeats = false;
};

// JSON text <-> struct. Parsing checks types, ranges and names; errors name the member at fault.
std::string to_json(const Heartbeat& heartbeat);
std::string to_json(const HeartbeatReply& reply);
// `reply`, as to_json() wrote it, with one more member: for what differs from worker to worker.
std::string with_member(std::string_view reply, std::string_view name, std::string_view text);
Result<Heartbeat> parse_heartbeat(std::string_view json);
Result<HeartbeatReply> parse_heartbeat_reply(std::string_view json);

class MemberReader;
// The members witness_incarnation and witness_control, if they are there, both or neither; or
// witness_dials.
std::optional<WitnessOffer> read_witness_offer(MemberReader& reader);
// The member protocol, when it is there.
std::optional<WorkerProtocol> read_worker_protocol(MemberReader& reader);

}  // namespace tandem::wire
