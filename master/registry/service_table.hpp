// service_table.hpp: which workers belong to which service, and the snapshots that are built from
// that.
//
// A new snapshot rebuilds the services that changed; all others, and all unchanged workers, are
// shared with the previous one. So the change of one worker costs as much as its service's list,
// not the cluster's.
//
// Owner: the registry, which also owns the records; a record is removed from the table before it
// ends. Always: a record is in the table exactly once, under the service it has at that time.
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
  // Something that snapshots show of `record` changed: its address, weight, or whether it gets
  // traffic.
  void changed(WorkerRecord& record);

  // Its state changed, which snapshots may not show.
  void state_changed(const WorkerRecord& record);

  // The settings of the service; null: none. It need not have workers.
  void set_settings(const std::string& service,
                    std::shared_ptr<const wire::ServiceSettings> settings);

  const wire::ServiceSettings* settings(std::string_view service) const;

  // TLS with the workers of the service; null: none.
  void set_tls(const std::string& service, std::shared_ptr<const tandem::tls::WorkerTls> tls);
  std::shared_ptr<const tandem::tls::WorkerTls> tls(std::string_view service) const;

  // So many masters serve, and share the limits of services and workers. True: that is news.
  bool set_sharers(unsigned sharers);

  // Counts the workers that are out because of their health, and decides which services panic;
  // looks at the services whose workers have changed, and those that have ejected workers.
  // True: a new snapshot would differ from the last one.
  bool review();
  // A snapshot of all services, sharing what did not change since the last one.
  std::shared_ptr<Snapshot> build(std::uint64_t version);

  const Members* find(std::string_view service) const;
  // Calls visit(name, members) in the order of the names.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [name, entry] : services_) visit(name, entry.members);
  }
  // Calls visit(name) for each service that has settings.
  template <class Visit>
  void for_each_settings(Visit visit) const {
    for (const auto& [name, settings] : settings_) visit(name);
  }
  // As of the last review. REQUIRES: find(service) != nullptr
  const HealthCounts& health_of(std::string_view service) const;

 private:
  struct Entry {
    Members members;
    std::shared_ptr<ServiceCounters> counters = std::make_shared<ServiceCounters>();
    std::shared_ptr<const SnapshotService> shown;  // null after a change
    HealthCounts health{};
    bool is_reviewed = false;  // nothing that `health` counts has changed since
  };
  static void review(std::string_view name, Entry& entry);
  unsigned sharers_ = 1;
  std::map<std::string, Entry, std::less<>> services_;
  std::map<std::string, std::shared_ptr<const wire::ServiceSettings>, std::less<>> settings_;
  std::map<std::string, std::shared_ptr<const tandem::tls::WorkerTls>, std::less<>> tls_;
  std::uint64_t ejections_seen_ = 0;  // ejections_ever() at the last review
};

}  // namespace tandem::master
