// Ejections and panics that a primary has found out from failing requests, and how it passes them
// on to its successor.
#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "common/base/log.hpp"
#include "common/base/relaxed.hpp"
#include "common/wire/limits.hpp"
#include "master/registry/ejection.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace {
// Envoy's interval and longest ejection.
constexpr Duration outliers_interval = 10s;
constexpr EjectionTimes outlier_times{.first = 10s, .max = 5min, .forgiven_after = 1min};
}  // namespace

// All workers are looked at only if one was ejected since the last time.
void Registry::look_for_ejected() {
  const auto ever = ejections_ever();
  if (std::exchange(ejections_seen_, ever) != ever) {
    ejected_.clear();
    for (const auto& [name, record] : records_) {
      if (record.is_ejected()) ejected_.insert(name);
    }
    return;
  }
  std::erase_if(ejected_, [this](const std::string& name) {
    const auto found = records_.find(name);
    return found == records_.end() || !found->second.is_ejected();
  });
}

wire::FoundOut Registry::found_out(Instant now) {
  thread_.assert_here();
  look_for_ejected();
  wire::FoundOut found_out;
  services_.for_each([&](const std::string& name, const ServiceTable::Members&) {
    if (services_.health_of(name).panics()) found_out.panicking.push_back(name);
  });
  auto& ejected = found_out.ejected;
  for (const auto& name : ejected_) {
    const auto& record = records_.find(name)->second;
    if (ejected.size() == limits::ejected_workers_max) break;
    const auto until = record.counters->ejected_until.load(relaxed);
    const Duration left(std::max<std::int64_t>(until - now.since_boot().count(), 0));
    ejected.push_back({.name = name,
                       .left = std::chrono::duration_cast<std::chrono::milliseconds>(left),
                       .ejections = std::max(record.counters->ejections.load(relaxed), 1u),
                       .reason = record.reason_of_ejection()});
  }
  return found_out;
}

void Registry::take_found_out(const wire::FoundOut& found_out, Instant now) {
  thread_.assert_here();
  told_panicking_ = {found_out.panicking.begin(), found_out.panicking.end()};
  std::set<std::string_view> told;
  for (const auto& worker : found_out.ejected) {
    const auto found = records_.find(worker.name);
    if (found == records_.end() || found->second.on_trial) continue;
    told.insert(found->first);
    found->second.ejection_reason = worker.reason;
    auto& counters = *found->second.counters;
    counters.ejected_after.store(0, relaxed);
    counters.ejections.store(worker.ejections, relaxed);
    counters.ejected_at.store(now.since_boot().count(), relaxed);
    counters.ejected_until.store((now + worker.left).since_boot().count(), relaxed);
    services_.state_changed(found->second);
  }
  look_for_ejected();
  for (const auto& name : ejected_) {
    if (!told.contains(name)) {
      records_.find(name)->second.counters->ejected_until.store(0, relaxed);
    }
  }
  for (const auto name : told) ejected_.emplace(name);
}

// ---- success rates

void Registry::find_outliers(Instant now) {
  if (outliers_looked_for_ != Instant::never() && now - outliers_looked_for_ < outliers_interval) {
    return;
  }
  outliers_looked_for_ = now;
  services_.for_each([&](const std::string& name, const ServiceTable::Members& members) {
    const auto* said = services_.settings(name);
    const auto thousandths = said == nullptr ? 0 : said->eject_success_rate.value_or(0);
    if (thousandths > 0) eject_outliers(name, members, thousandths / 1000.0, now);
  });
}

void Registry::eject_outliers(const std::string& service, const ServiceTable::Members& members,
                              double factor, Instant now) {
  std::vector<WorkerRecord*> workers;
  std::vector<Outcomes> outcomes;
  for (const auto& [name, record] : members) {
    const Outcomes counted{record->counters->good.load(relaxed),
                           record->counters->bad.load(relaxed)};
    const auto before = std::exchange(record->counted, counted);
    if (!record->gets_traffic() || record->is_ejected()) continue;
    workers.push_back(record);
    outcomes.push_back({counted.good - before.good, counted.bad - before.bad});
  }
  for (const auto& outlier : SuccessRate{.factor = factor}.outliers(outcomes)) {
    if (!count_health(members).may_eject()) return;
    auto& record = *workers[outlier.place];
    const auto percent = [](double rate) { return std::round(rate * 1000) / 10; };
    record.ejection_reason = fmt::format("success rate {} % against {} %", percent(outlier.rate),
                                         percent(outlier.others));
    record.counters->ejected_after.store(0, relaxed);
    const auto out_for = eject(*record.counters, outlier_times, now);
    ++check_counts_.of(service).ejections;
    log::warn("worker ejected name={} service={} for_ms={} reason=\"{}\"", record.name, service,
              out_for / 1ms, record.ejection_reason);
  }
}

}  // namespace tandem::master
