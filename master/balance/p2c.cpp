#include "master/balance/p2c.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "common/base/assert.hpp"
#include "master/balance/policy_factory.hpp"

namespace tandem::master {

namespace {

constexpr double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// The factor by which a bad experience multiplies the estimate.
constexpr double bad_factor = 2;
constexpr double equal_within_factor = 2;

}  // namespace

void P2c::update(std::span<const Candidate> candidates) {
  std::unordered_map<WorkerId, Estimate> known;
  double sum_s = 0;
  Instant latest;
  std::size_t measured = 0;
  for (std::size_t place = 0; place < workers_.size(); ++place) {
    const auto& estimate = estimates_[place];
    known.emplace(workers_[place].first, estimate);
    if (estimate.latency_s == 0) continue;
    sum_s += estimate.latency_s;
    latest = std::max(latest, estimate.since);
    ++measured;
  }
  double weights = 0;
  for (const auto& candidate : candidates) weights += candidate.weight;
  const double mean_weight =
      weights / static_cast<double>(std::max<std::size_t>(candidates.size(), 1));
  estimates_.clear();
  workers_.clear();
  for (const auto& candidate : candidates) {
    Estimate estimate{.latency_s = measured > 0 ? sum_s / static_cast<double>(measured) : 0,
                      .since = latest,
                      .counters = candidate.counters.get(),
                      .per_request = mean_weight / candidate.weight};
    if (const auto found = known.find(candidate.id); found != known.end()) {
      estimate.latency_s = found->second.latency_s;
      estimate.since = found->second.since;
    }
    estimates_.push_back(estimate);
    workers_.emplace_back(candidate.id, candidate.counters);
  }
  table_.build(candidates);
}

double P2c::decayed(const Estimate& estimate, Instant now) const {
  const auto age = now - estimate.since;
  if (age <= Duration::zero()) return estimate.latency_s;
  return estimate.latency_s * std::exp(-seconds(age) / seconds(decay));
}

bool P2c::is_better(std::size_t place, std::size_t than, Instant now) const {
  const auto load = [](const Estimate& estimate) {
    return load_of(*estimate.counters) * estimate.per_request + 1;
  };
  const auto& one = estimates_[place];
  const auto& other = estimates_[than];
  const double latency = std::max(decayed(one, now), seconds(latency_min));
  const double other_latency = std::max(decayed(other, now), seconds(latency_min));
  const bool alike =
      std::max(latency, other_latency) < equal_within_factor * std::min(latency, other_latency);
  return alike ? load(one) < load(other) : latency * load(one) < other_latency * load(other);
}

Duration P2c::latency(std::size_t place, Instant now) const {
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(decayed(estimates_[place], now)));
}

std::optional<std::size_t> P2c::pick(const Selection& selection) {
  if (table_.size() == 0) return std::nullopt;
  std::optional<std::size_t> first;
  for (int draw = 0; draw < draws_max; ++draw) {
    const auto place = table_.draw(random_);
    if (place == first || !selection.usable(place)) continue;
    if (!first) {
      first = place;
      if (table_.size() == 1) break;
      continue;
    }
    // At equal cost the first stays: so idle equals are chosen by weight alone.
    return is_better(place, *first, selection.now) ? place : *first;
  }
  return first ? first : table_.draw_among_all(random_, selection.usable);
}

void P2c::learn(std::size_t place, Experience experience, Duration latency, Instant now) {
  TANDEM_ASSERT(place < estimates_.size());
  auto& estimate = estimates_[place];
  const double present = decayed(estimate, now);
  double sample = std::clamp(seconds(latency), seconds(latency_min), seconds(latency_max));
  if (experience == Experience::bad) {
    sample = std::min(std::max(sample, bad_factor * present), seconds(latency_max));
  }
  const double kept = present / std::max(estimate.latency_s, 1e-12);  // exp(-age / decay)
  estimate.latency_s = sample > present || estimate.latency_s == 0
                           ? sample
                           : estimate.latency_s * kept + sample * (1 - kept);
  estimate.since = std::max(estimate.since, now);
}

std::unique_ptr<Policy> make_p2c(const PolicyContext& context) {
  return std::make_unique<P2c>(context.seed);
}

}  // namespace tandem::master
