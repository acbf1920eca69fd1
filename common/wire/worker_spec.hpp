// worker_spec.hpp: POST /v1/workers: a worker that does not register itself, added by an operator.
//
//   {"name": "nginx-1", "address": "10.0.0.5:80", "service": "default", "weight": 100,
//   "connections": 1024}
//
// Only "address" is required; the name defaults to the address with ':' as '-'. Unlike heartbeats,
// which programs write, this is written by people: an unknown member is taken for a typing error
// and refused by name.
#pragma once

#include <string>
#include <string_view>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"

namespace tandem::wire {

struct WorkerSpec {
  std::string name;
  std::string service = "default";
  Endpoint address;              // numeric, port not 0, not unspecified
  unsigned weight = 100;         // 0 to limits::weight_max
  unsigned connections = 1'024;  // 1 to limits::worker_connections_max

  friend bool operator==(const WorkerSpec&, const WorkerSpec&) = default;
};

// Of a worker at that address to which nobody has given a name. REQUIRES: it is numeric.
std::string name_of_worker_at(const Endpoint& address);

std::string to_json(const WorkerSpec& spec);
Result<WorkerSpec> parse_worker_spec(std::string_view json);

}  // namespace tandem::wire
