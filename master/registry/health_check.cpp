#include "master/registry/health_check.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "master/registry/limits.hpp"

namespace tandem::master {

HealthCheck HealthCheck::of(const wire::ServiceSettings& settings, Duration heartbeat_interval) {
  HealthCheck check;
  check.kind = settings.check.value_or(check.kind);
  check.path = settings.check_path.value_or(check.path);
  check.interval = settings.check_interval.value_or(heartbeat_interval);
  check.timeout = settings.check_timeout.value_or(
      std::clamp<Duration>(check.interval, limits::probe_timeout_min, limits::probe_timeout_max));
  check.healthy = settings.check_healthy.value_or(check.healthy);
  check.unhealthy = settings.check_unhealthy.value_or(check.unhealthy);
  check.statuses = settings.check_status;
  check.workers = settings.check_workers.value_or(false);
  return check;
}

std::string ProbeFailure::to_string() const {
  if (!why.empty()) return why;
  if (kind != FailureKind::unhealthy) return master::to_string(kind);
  return status == 0 ? "the answer is not HTTP" : fmt::format("status {}", status);
}

void CheckResults::good(unsigned needed) {
  bad_ = 0;
  good_ = std::min(good_ + 1, 1'000u);
  if (good_ >= needed) passes_ = proven_ = true;
}

void CheckResults::bad(unsigned allowed) {
  good_ = 0;
  bad_ = std::min(bad_ + 1, 1'000u);
  if (bad_ >= allowed) passes_ = false;
}

}  // namespace tandem::master
