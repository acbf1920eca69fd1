#include "worker/program/target_health.hpp"

#include <algorithm>

#include "worker/program/limits.hpp"

namespace tandem {

namespace {
constexpr unsigned counted_max = 1'000;
}

TargetCheck TargetCheck::overlaid(const wire::ServiceSettings& settings) const {
  auto check = *this;
  check.kind = settings.check.value_or(kind);
  if (settings.protocol || settings.check) check.protocol = wire::protocol_of(settings);
  check.path = settings.check_path.value_or(path);
  check.interval = settings.check_interval.value_or(interval);
  check.timeout = settings.check_timeout.value_or(timeout);
  check.healthy = settings.check_healthy.value_or(healthy);
  check.unhealthy = settings.check_unhealthy.value_or(unhealthy);
  if (settings.check_status) check.statuses = settings.check_status;
  if (settings.proxy_protocol) check.announced = wire::announces_clients(settings);
  return check;
}

void TargetHealth::note(Probed probed, const TargetCheck& check, Instant now) {
  if (probed != Probed::silent) answered_ = now;
  if (probed == Probed::good) {
    bad_ = 0;
    good_ = std::min(good_ + 1, counted_max);
    if (good_ >= check.healthy) alive_ = true;
    return;
  }
  good_ = 0;
  bad_ = std::min(bad_ + 1, counted_max);
  const bool is_busy = probed == Probed::silent && now - answered_ < limits::target_busy_max;
  if (probed == Probed::refused || (bad_ >= check.unhealthy && !is_busy)) alive_ = false;
}

}  // namespace tandem
