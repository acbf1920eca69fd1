// success_rate.hpp: workers that fail much more often than the others of their service.
//
// Failures in a row find a worker that fails always; this finds one that fails every third request.
// The rule is Envoy's (outlier detection by success rate): a worker is an outlier when its rate is
// below the mean of all rates by more than `factor` standard deviations. Among workers that are
// nearly alike a deviation is tiny, and chance alone would eject: so the upper end of Wilson's
// score interval (1927) of its rate, at three standard errors, must also be below the mean. 97 good
// answers of 100 are an outlier among perfect workers, 98 are not.
//
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tandem::master {

// The outcomes of one worker's requests in an interval.
struct Outcomes {
  std::uint64_t good = 0;
  std::uint64_t bad = 0;

  std::uint64_t all() const { return good + bad; }
  // REQUIRES: all() > 0
  double rate() const { return static_cast<double>(good) / static_cast<double>(all()); }
};

struct Outlier {
  std::size_t place;  // among the workers
  double rate;        // 0 to 1
  double others;      // the rate of all others together
};

struct SuccessRate {
  double factor = 1.9;  // the larger, the fewer outliers
  // With fewer workers, the rule cannot be told from the exception; with fewer requests, a rate
  // cannot be told from chance.
  static constexpr std::size_t workers_min = 5;
  static constexpr std::uint64_t requests_min = 100;

  // The workers to eject, worst first; workers with fewer requests than requests_min are ignored.
  std::vector<Outlier> outliers(std::span<const Outcomes> workers) const;
};

}  // namespace tandem::master
