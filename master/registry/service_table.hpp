// service_table.hpp: which workers form which service, and the snapshots that follow from it.
//
// A snapshot is built from the services that changed; all others, and all workers that did not
// change, are shared with the snapshot before. So one worker's change costs one service's list, not
// the cluster's.
//
// Owner: the registry, which also owns the records and outlives none of them here.
// Always: a record is in the table exactly once, under the service it has at that time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "master/registry/panic.hpp"
#include "master/registry/snapshot.hpp"
#include "master/registry/worker_record.hpp"

namespace tandem::master {

class ServiceTable {
 public:
  using Members = std::map<std::string_view, WorkerRecord*>;  // keys are the records' own names

  // Errors: `unavailable` when `service` would be one more than limits::services_max.
  Result<> check_room(std::string_view service) const;

  // REQUIRES: check_room(record.service), and no member of that name in its service.
  void add(WorkerRecord& record);
  // REQUIRES: added before.
  void remove(WorkerRecord& record);
  // What snapshots show of `record` changed: its address, weight, or whether it gets traffic.
  void changed(WorkerRecord& record);

  // What was said of the service; null: nothing. It need not have workers.
  void set_settings(const std::string& service,
                    std::shared_ptr<const wire::ServiceSettings> settings);

  const wire::ServiceSettings* settings(std::string_view service) const;

  // Sees who is out for their health, and whether a service panics. True: a snapshot would show
  // something else than the last one.
  bool review();
  // A snapshot of all services, sharing what did not change since the last one.
  std::shared_ptr<Snapshot> build(std::uint64_t version);

  const Members* find(std::string_view service) const;
  // Calls visit(name, members) in the order of the names.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [name, entry] : services_) visit(name, entry.members);
  }
  // As of the last review. REQUIRES: find(service) != nullptr
  const HealthCounts& health_of(std::string_view service) const;

 private:
  struct Entry {
    Members members;
    std::shared_ptr<ServiceCounters> counters = std::make_shared<ServiceCounters>();
    std::shared_ptr<const SnapshotService> shown;  // null after a change
    HealthCounts health{};
  };
  static void review(std::string_view name, Entry& entry);
  std::map<std::string, Entry, std::less<>> services_;
  std::map<std::string, std::shared_ptr<const wire::ServiceSettings>, std::less<>> settings_;
};

}  // namespace tandem::master
