// heartbeat.hpp: POST /heartbeat, worker -> every master.
//
// The first heartbeat of a worker is its registration: each one carries everything, so that a
// master that knows nothing (it just started, it lost its state) learns the worker from the next
// one it hears.
//
//   {"name": "w1", "incarnation": "6f1c...", "service": "default", "address": "127.0.0.1:9001",
//    "weight": 100, "connections": 64, "in_flight": 3, "state": "up"}
//
//   {"node": "a", "role": "primary", "term": 1, "primary": "a", "interval_ms": 1000, "registered":
//   true}
//
// Durations on the wire are whole milliseconds and say so in their names. Unknown members that are
// scalars are ignored, so that newer workers can talk to older masters; unknown objects and arrays
// are refused, for what we do not read must stay small.
#pragma once

#include <cstdint>
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

struct Heartbeat {
  std::string name;         // unique in the cluster
  std::string incarnation;  // new at each start of the worker: 1 to 64 characters of a name
  std::string service = "default";
  Endpoint address;  // numeric, port not 0; host 0.0.0.0 or :: means "the address you hear me from"
  unsigned weight = 100;      // 0 to limits::weight_max; 0 = no traffic
  unsigned connections = 64;  // how many it can hold: 1 to limits::worker_connections_max
  unsigned in_flight = 0;     // requests that it is working on now
  WorkerCondition condition = WorkerCondition::up;
};

struct HeartbeatReply {
  std::string node;      // who answers
  std::string role;      // primary | standby | candidate
  Term term;             // 0 before the first election
  std::string primary;   // the primary's node name, empty when unknown
  Duration interval{0};  // how often to heartbeat from now on
  bool registered = false;
};

// JSON text <-> struct. Parsing checks types, ranges and names; an error names the member at fault.
std::string to_json(const Heartbeat& heartbeat);
std::string to_json(const HeartbeatReply& reply);
Result<Heartbeat> parse_heartbeat(std::string_view json);
Result<HeartbeatReply> parse_heartbeat_reply(std::string_view json);

}  // namespace tandem::wire
