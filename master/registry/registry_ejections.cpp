// What a primary has found out by failing requests, for its successor.
#include <algorithm>
#include <set>

#include "common/base/limits.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

namespace {
constexpr auto relaxed = std::memory_order_relaxed;
}  // namespace

std::vector<wire::EjectedWorker> Registry::ejected(Instant now) const {
  thread_.assert_here();
  std::vector<wire::EjectedWorker> ejected;
  for (const auto& [name, record] : records_) {
    const auto until = record.counters->ejected_until.load(relaxed);
    if (until == 0) continue;
    if (ejected.size() == limits::ejected_workers_max) break;
    const Duration left(std::max<std::int64_t>(until - now.since_boot().count(), 0));
    ejected.push_back({.name = name,
                       .left = std::chrono::duration_cast<std::chrono::milliseconds>(left),
                       .ejections = std::max(record.counters->ejections.load(relaxed), 1u)});
  }
  return ejected;
}

void Registry::take_ejected(const std::vector<wire::EjectedWorker>& ejected, Instant now) {
  thread_.assert_here();
  std::set<std::string_view> told;
  for (const auto& worker : ejected) {
    const auto found = records_.find(worker.name);
    if (found == records_.end()) continue;
    told.insert(found->first);
    auto& counters = *found->second.counters;
    counters.ejections.store(worker.ejections, relaxed);
    counters.ejected_at.store(now.since_boot().count(), relaxed);
    counters.ejected_until.store((now + worker.left).since_boot().count(), relaxed);
  }
  for (auto& [name, record] : records_) {
    auto& until = record.counters->ejected_until;
    if (until.load(relaxed) != 0 && !told.contains(name)) until.store(0, relaxed);
  }
}

}  // namespace tandem::master
