// panic.hpp: more than half of a service would get no traffic, for its health alone (Envoy's panic
// threshold).
//
// When so many fail at once, the judgement is as likely to be wrong as the workers: a health check
// that everything fails, a network that carries requests but no heartbeats. So no worker is given
// up: the loops ask healthy workers as long as there are any (each gets no more than its
// connections can carry, so they are not overloaded), then ejected ones, then workers of last
// resort: suspect and down, one request at a time until one was answered. Workers that drain or
// have left are never asked, nor a Tandem worker that has refused a connection since it was last
// heard: its process has ended, and another may answer at its address by now.
//
// Owner: the registry.
#pragma once

#include <map>
#include <string_view>

#include "master/registry/worker_record.hpp"

namespace tandem::master {

// How many workers of a service there are, and in which health.
struct HealthCounts {
  unsigned workers = 0;  // that are wanted
  unsigned ejected = 0;
  unsigned out = 0;  // for their health: suspect, down, ejected

  bool panics() const { return out * 2 > workers; }
  // Whether one more may be ejected: half of them at most.
  bool may_eject() const { return (ejected + 1) * 2 <= workers; }
  friend bool operator==(const HealthCounts&, const HealthCounts&) = default;
};

HealthCounts count_health(const std::map<std::string_view, WorkerRecord*>& members);

// Makes `record` a worker of last resort, or ends that. True: snapshots show it differently now.
bool set_last_resort(WorkerRecord& record, bool last_resort);

// A request could not even be sent to a worker of last resort: it is left alone for a while, longer
// each time.
void failed_as_last_resort(WorkerRecord& record, Instant now);

}  // namespace tandem::master
