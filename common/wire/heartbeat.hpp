// heartbeat.hpp: POST /heartbeat, worker -> every master.
//
// The first heartbeat of a worker is its registration: each one carries everything, so that a
// master that knows nothing (it just started, it lost its state) learns the worker from the next
// one it hears.
//
//   {"name": "w1", "incarnation": "6f1c...", "service": "default", "address": "127.0.0.1:9001",
//    "weight": 100, "connections": 64, "in_flight": 3, "state": "up", "takes_proof": true,
//    "term": 3, "witness_incarnation": 4711, "witness_control": "127.0.0.1:9101"}
//
//   {"node": "a", "role": "primary", "term": 1, "primary": "a", "interval_ms": 1000,
//    "registered": true, "removed": false, "cluster_heartbeat_ms": 100, "election_timeout_ms": 500,
//    "key": "0a1b..."}
//
// An answer may also have "checks", how the service's settings want it probed, "warning", and
// "masters": "a=10.0.0.1:7070 b=10.0.0.2:7070", the control addresses of all.
//
// Durations on the wire are whole milliseconds and say so in their names. Unknown members that are
// scalars are ignored, so that newer workers can talk to older masters; unknown objects and arrays
// are refused, for what we do not read must stay small.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "common/base/strong.hpp"
#include "common/base/time.hpp"

namespace tandem::wire {

// What a worker says of itself; "state" on the wire: up, failing, draining, bye.
enum class WorkerCondition {
  up,        // serves
  failing,   // alive, but the service behind it (--target) fails its health check
  draining,  // finishes what it has, wants no more
  bye,       // is leaving now
};
const char* to_string(WorkerCondition condition);

// A worker with a state directory: it may be made a voter of the cluster.
struct WitnessOffer {
  std::uint64_t incarnation = 0;  // of the directory: 1 to 2^53 - 1
  Endpoint control;  // where it takes messages: numeric, port not 0, host as in `address`
  friend bool operator==(const WitnessOffer&, const WitnessOffer&) = default;
};

struct Heartbeat {
  std::string name;         // unique in the cluster
  std::string incarnation;  // new at each start of the worker: 1 to 64 characters of a name
  std::string service = "default";
  Endpoint address;  // numeric, port not 0; host 0.0.0.0 or :: means "the address you hear me from"
  unsigned weight = 100;      // 0 to limits::weight_max; 0 = no traffic
  unsigned connections = 64;  // how many it can hold: 1 to limits::worker_connections_max
  unsigned in_flight = 0;     // requests that it is working on now
  WorkerCondition condition = WorkerCondition::up;
  // It refuses requests of lower terms than it has promised (R10), and believes proven ones alone
  // (term_proof.hpp).
  bool takes_proof = false;
  Term term;  // that it has promised; 0: none yet
  std::optional<WitnessOffer> witness;
};

struct HeartbeatReply {
  std::string node;      // who answers
  std::string role;      // primary | standby | candidate
  Term term;             // 0 before the first election
  std::string primary;   // the primary's node name, empty when unknown
  Duration interval{0};  // how often to heartbeat from now on
  bool registered = false;
  bool removed = false;  // an operator removed this incarnation: it is to heartbeat no more
  // The cluster's timing, which a witness needs; 0 in a master that has none.
  Duration cluster_heartbeat{0};
  Duration election_timeout{0};
  // The worker's, with which masters prove their terms; empty: none yet, or it takes no proof.
  std::string key{};
  // What the service's settings say of health checks, for a worker that probes its service itself:
  // KEY=VALUE as parse_setting() reads them, with spaces between. Empty: nothing.
  std::string checks{};
  // What the master finds wrong with what the worker says of itself, a sentence; empty: nothing.
  std::string warning{};
  // The masters of the cluster, NAME=HOST:PORT with spaces between; empty: the answer does not say.
  std::string masters{};
};

// JSON text <-> struct. Parsing checks types, ranges and names; an error names the member at fault.
std::string to_json(const Heartbeat& heartbeat);
std::string to_json(const HeartbeatReply& reply);
// `reply`, as to_json() wrote it, with one member more: what is not alike for all workers.
std::string with_member(std::string_view reply, std::string_view name, std::string_view text);
Result<Heartbeat> parse_heartbeat(std::string_view json);
Result<HeartbeatReply> parse_heartbeat_reply(std::string_view json);

class MemberReader;
// The members witness_incarnation and witness_control, when they are there: both or none.
std::optional<WitnessOffer> read_witness_offer(MemberReader& reader);

}  // namespace tandem::wire
