#include "master/registry/service_table.hpp"

#include <algorithm>
#include <utility>

#include "common/base/assert.hpp"
#include "common/base/log.hpp"
#include "common/wire/limits.hpp"
#include "master/registry/ejection.hpp"

namespace tandem::master {

Result<> ServiceTable::check_room(std::string_view service) const {
  if (services_.size() < limits::services_max || services_.contains(service)) return {};
  return fail(ErrorCode::unavailable,
              fmt::format("this master keeps {} services already, its limit", limits::services_max),
              "service");
}

void ServiceTable::add(WorkerRecord& record) {
  auto& entry = services_[record.service];
  TANDEM_ASSERT(services_.size() <= limits::services_max);
  const bool added = entry.members.emplace(record.name, &record).second;
  TANDEM_ASSERT(added);
  entry.shown.reset();
  entry.is_reviewed = false;
}

void ServiceTable::remove(WorkerRecord& record) {
  const auto found = services_.find(record.service);
  TANDEM_ASSERT(found != services_.end());
  const auto removed = found->second.members.erase(record.name);
  TANDEM_ASSERT(removed == 1);
  found->second.shown.reset();
  found->second.is_reviewed = false;
  if (found->second.members.empty()) services_.erase(found);
}

void ServiceTable::changed(WorkerRecord& record) {
  const auto found = services_.find(record.service);
  TANDEM_ASSERT(found != services_.end());
  found->second.shown.reset();
  found->second.is_reviewed = false;
}

void ServiceTable::set_settings(const std::string& service,
                                std::shared_ptr<const wire::ServiceSettings> settings) {
  const auto* before = this->settings(service);
  const bool same = before == nullptr ? settings == nullptr : settings && *before == *settings;
  if (same) return;
  if (settings == nullptr) {
    settings_.erase(service);
  } else {
    settings_[service] = std::move(settings);
  }
  if (const auto found = services_.find(service); found != services_.end()) {
    found->second.shown.reset();
  }
}

const wire::ServiceSettings* ServiceTable::settings(std::string_view service) const {
  const auto found = settings_.find(service);
  return found == settings_.end() ? nullptr : found->second.get();
}

void ServiceTable::set_tls(const std::string& service,
                           std::shared_ptr<const tandem::tls::WorkerTls> tls) {
  if (this->tls(service) == tls) return;
  if (tls == nullptr) {
    tls_.erase(service);
  } else {
    tls_[service] = std::move(tls);
  }
  if (const auto found = services_.find(service); found != services_.end()) {
    found->second.shown.reset();
  }
}

std::shared_ptr<const tandem::tls::WorkerTls> ServiceTable::tls(std::string_view service) const {
  const auto found = tls_.find(service);
  return found == tls_.end() ? nullptr : found->second;
}

const HealthCounts& ServiceTable::health_of(std::string_view service) const {
  const auto found = services_.find(service);
  TANDEM_ASSERT(found != services_.end());
  return found->second.health;
}

void ServiceTable::state_changed(const WorkerRecord& record) {
  const auto found = services_.find(record.service);
  TANDEM_ASSERT(found != services_.end());
  found->second.is_reviewed = false;
}

void ServiceTable::review(std::string_view name, Entry& entry) {
  entry.is_reviewed = true;
  const auto before = std::exchange(entry.health, count_health(entry.members));
  const auto& now = entry.health;
  if (now.panics() != before.panics()) {
    log::warn("service panic {} service={} out={} workers={}", now.panics() ? "begins" : "ends",
              name, now.out, now.workers);
  }
  if (!now.panics() && !before.panics()) return;
  for (const auto& [worker_name, record] : entry.members) {
    const bool is_out = record->is_wanted() && record->state() != WorkerState::up;
    const bool is_asked = now.panics() && is_out && record->may_be_last_resort();
    if (set_last_resort(*record, is_asked)) entry.shown.reset();
  }
}

bool ServiceTable::review() {
  bool changed = false;
  const auto ever = ejections_ever();
  const bool one_was_ejected = std::exchange(ejections_seen_, ever) != ever;
  for (auto& [name, entry] : services_) {
    const bool is_calm = !entry.health.panics() && entry.health.ejected == 0;
    if (entry.is_reviewed && is_calm && !one_was_ejected) continue;
    const bool was_shown = entry.shown != nullptr;
    review(name, entry);
    changed = changed || (was_shown && entry.shown == nullptr);
  }
  return changed;
}

bool ServiceTable::set_sharers(unsigned sharers) {
  if (std::exchange(sharers_, sharers) == sharers) return false;
  for (auto& [name, entry] : services_) {
    entry.shown.reset();
    for (const auto& [worker, record] : entry.members) record->shown.reset();
  }
  return true;
}

std::shared_ptr<Snapshot> ServiceTable::build(std::uint64_t version) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->version = version;
  snapshot->sharers = sharers_;
  snapshot->services.reserve(services_.size());
  for (auto& [name, entry] : services_) {
    if (entry.shown == nullptr) {
      review(name, entry);
      auto service = std::make_shared<SnapshotService>();
      service->name = name;
      service->counters = entry.counters;
      service->sharers = sharers_;
      if (const auto said = settings_.find(name); said != settings_.end()) {
        service->settings = said->second;
      }
      service->tls = tls(name);
      for (const auto& [worker_name, record] : entry.members) {
        if (record->may_return()) {
          service->may_return_at = std::min(service->may_return_at, record->held_until);
        }
        if (!record->gets_traffic() && !record->last_resort) continue;
        if (record->shown == nullptr) record->shown = snapshot_of(*record, sharers_);
        service->workers.push_back(record->shown);
      }
      entry.shown = std::move(service);
    }
    snapshot->services.push_back(entry.shown);
  }
  return snapshot;
}

const ServiceTable::Members* ServiceTable::find(std::string_view service) const {
  const auto found = services_.find(service);
  return found == services_.end() ? nullptr : &found->second.members;
}

}  // namespace tandem::master
