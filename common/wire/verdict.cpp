#include "common/wire/verdict.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/assert.hpp"

namespace tandem::wire {

namespace {

// A token that ends in so many days is to be replaced at once.
constexpr std::uint64_t credential_days_urgent = 7;

std::string told_of(const WorkerStatus& worker) {
  if (worker.state == "up" && worker.weight == 0) return fmt::format("{} weighs 0", worker.name);
  const auto why = worker.reason.empty() ? std::string() : ": " + worker.reason;
  return fmt::format("{} is {}{}", worker.name, worker.state, why);
}

// Why no request at all can be answered well; empty: some can be.
std::string why_no_service(const Status& status) {
  const auto& workers = status.workers;
  if (workers.empty()) return "no worker has joined: requests are answered 503";
  if (std::any_of(workers.begin(), workers.end(), serves)) return {};
  if (workers.size() == 1) return fmt::format("the only worker {}", told_of(workers.front()));
  return fmt::format("none of {} workers serves: {}", workers.size(), told_of(workers.front()));
}

}  // namespace

std::string_view to_string(Health health) {
  switch (health) {
    case Health::well: return "well";
    case Health::degraded: return "degraded";
    case Health::no_service: return "no_service";
    case Health::no_primary: return "no_primary";
  }
  assertion_failed("a known health", __FILE__, __LINE__);
}

bool serves(const WorkerStatus& worker) {
  return worker.state == "up" && worker.weight > 0 && worker.reason.empty();
}

std::string ago(const std::optional<std::int64_t>& ms) {
  if (!ms) return "never";
  if (*ms < 60'000) return fmt::format("{:.1f}s", static_cast<double>(*ms) / 1000);
  if (*ms < 3'600'000) return fmt::format("{}m", *ms / 60'000);
  return fmt::format("{}h", *ms / 3'600'000);
}

std::string told_of_end(std::uint64_t days) {
  if (days == 0) return "expired today";
  return fmt::format("expired {} day{} ago", days, days == 1 ? "" : "s");
}

// The worst problem comes first.
Verdict verdict_of(const Status& status) {
  if (!status.primary) {
    return {Health::no_primary,
            status.failure.empty() ? "nobody is known to lead" : status.failure};
  }
  if (auto why = why_no_service(status); !why.empty()) return {Health::no_service, std::move(why)};
  if (!status.failure.empty()) return {Health::degraded, status.failure};
  if (!status.without_vote.empty()) {
    return {Health::degraded,
            fmt::format("{} {} not vote yet", fmt::join(status.without_vote, ", "),
                        status.without_vote.size() == 1 ? "does" : "do")};
  }
  if (!status.protected_ && status.voters.size() > 1) {
    return {Health::degraded, "not protected: " + status.protection};
  }
  for (const auto& vip : status.vips) {
    if (vip.problem.empty()) continue;
    return {Health::degraded, fmt::format("address {}: {}", vip.address, vip.problem)};
  }
  for (const auto& certificate : status.certificates) {
    if (!certificate.valid_from.empty()) {
      return {Health::degraded, fmt::format("certificate {} is not valid before {}",
                                            certificate.file, certificate.valid_from)};
    }
    if (certificate.days_left >= certificate_days_urgent) continue;
    if (certificate.expired_days) {
      return {Health::degraded, fmt::format("certificate {} {}", certificate.file,
                                            told_of_end(*certificate.expired_days))};
    }
    return {Health::degraded, fmt::format("certificate {} expires in {} days", certificate.file,
                                          certificate.days_left)};
  }
  if (!status.refused_reload.empty()) {
    return {Health::degraded, "the last reload was refused: " + status.refused_reload};
  }
  for (const auto& voter : status.voters) {
    if (!voter.silent_ms) continue;
    return {Health::degraded,
            fmt::format("{} has not been heard for {}", voter.name, ago(voter.silent_ms))};
  }
  for (const auto& service : status.services) {
    if (service.panic) return {Health::degraded, fmt::format("service {} panics", service.name)};
    if (service.workers > 0) continue;
    return {Health::degraded,
            fmt::format("service {} has no worker that takes requests", service.name)};
  }
  for (const auto& each : status.credentials) {
    const bool ends =
        !each.until.empty() && !each.replaced && each.days_left <= credential_days_urgent;
    if (!ends) continue;
    return {Health::degraded,
            each.expired ? fmt::format("the token of {} has expired on {}", each.name, each.until)
                         : fmt::format("the token of {} expires on {}", each.name, each.until)};
  }
  for (const auto& worker : status.workers) {
    if (worker.state != "up" && worker.state != "draining") {
      return {Health::degraded, fmt::format("worker {}", told_of(worker))};
    }
    if (worker.state == "up" && !worker.reason.empty()) {
      return {Health::degraded, fmt::format("worker {}", told_of(worker))};
    }
  }
  return {};
}

}  // namespace tandem::wire
