// panic.hpp: a service is in panic when more than half of its workers would get no traffic because
// of their health (Envoy's panic threshold).
//
// When so many fail at once, the judgement is as likely to be wrong as the workers: a health check
// that every worker fails, or a network that carries requests but no heartbeats. So no worker is
// given up: the loops use healthy workers as long as there are any (each gets no more than its
// connections can carry, so they are not overloaded), then ejected ones, then workers of last
// resort: those that are suspect or down, one request at a time until one is answered. Workers that
// drain or have left are never used, nor is a Tandem worker that has refused a connection since it
// was last heard: its process has ended, and another one may have its address by now.
//
// Owner: the registry.
#pragma once

#include <map>
#include <string_view>

#include "master/registry/worker_record.hpp"

namespace tandem::master {

// The number of workers of a service, by health.
struct HealthCounts {
  unsigned workers = 0;  // that are wanted
  unsigned ejected = 0;
  unsigned out = 0;  // because of their health: suspect, down, ejected

  bool panics() const { return out * 2 > workers; }
  // Whether one more may be ejected: at most half of them.
  bool may_eject() const { return (ejected + 1) * 2 <= workers; }
  friend bool operator==(const HealthCounts&, const HealthCounts&) = default;
};

HealthCounts count_health(const std::map<std::string_view, WorkerRecord*>& members);

// Makes `record` a worker of last resort, or ends that. True: snapshots show it differently now.
bool set_last_resort(WorkerRecord& record, bool last_resort);

// A request could not even be sent to a worker of last resort: it is not used for a while, longer
// each time.
void failed_as_last_resort(WorkerRecord& record, Instant now);

}  // namespace tandem::master
