// verdict.hpp: how a cluster is as a whole, by the status of one of its masters: what GET /status,
// `tandem status --check` and the page say. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/wire/status.hpp"

namespace tandem::wire {

enum class Health { well, degraded, no_service, no_primary };
std::string_view to_string(Health health);

struct Verdict {
  Health health = Health::well;
  std::string why{};  // of the worst problem; empty: there is none
};

Verdict verdict_of(const Status& status);

// It gets requests, and its latest ones did not all fail.
bool serves(const WorkerStatus& worker);

// "0.3s", "5m", "3h"; "never": unset.
std::string ago(const std::optional<std::int64_t>& ms);
// "expired 3 days ago"
std::string told_of_end(std::uint64_t days);

// A certificate that is valid for fewer days has to be renewed at once.
inline constexpr std::uint64_t certificate_days_urgent = 7;

}  // namespace tandem::wire
