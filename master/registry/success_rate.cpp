#include "master/registry/success_rate.hpp"

#include <algorithm>
#include <cmath>

namespace tandem::master {

namespace {

// The highest true rate that is compatible with the observed outcomes, at `z` standard errors.
double wilson_upper(const Outcomes& seen, double z) {
  const auto n = static_cast<double>(seen.all());
  const double p = seen.rate();
  return (p + z * z / (2 * n) + z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n))) /
         (1 + z * z / n);
}

constexpr double errors_due_to_chance = 3;

}  // namespace

std::vector<Outlier> SuccessRate::outliers(std::span<const Outcomes> workers) const {
  std::vector<std::size_t> counted;
  Outcomes total;
  double sum = 0;
  for (std::size_t place = 0; place < workers.size(); ++place) {
    if (workers[place].all() < requests_min) continue;
    counted.push_back(place);
    sum += workers[place].rate();
    total.good += workers[place].good;
    total.bad += workers[place].bad;
  }
  if (counted.size() < workers_min) return {};
  const auto count = static_cast<double>(counted.size());
  const double mean = sum / count;
  double squares = 0;
  for (const auto place : counted) squares += std::pow(workers[place].rate() - mean, 2);
  const double threshold = mean - factor * std::sqrt(squares / count);
  std::vector<Outlier> outliers;
  for (const auto place : counted) {
    const auto& worker = workers[place];
    if (worker.rate() >= threshold || wilson_upper(worker, errors_due_to_chance) >= mean) continue;
    const Outcomes others{total.good - worker.good, total.bad - worker.bad};
    outliers.push_back({.place = place, .rate = worker.rate(), .others = others.rate()});
  }
  std::sort(outliers.begin(), outliers.end(),
            [](const auto& one, const auto& other) { return one.rate < other.rate; });
  return outliers;
}

}  // namespace tandem::master
