// network.hpp: which machine hears which, how late, and how often.
//
// Cuts are one-way and counted, so that overlapping faults end independently. Delay, loss and
// duplication are the weather: one for the whole network at a time. Messages overtake each other
// whenever delays vary.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "common/base/splitmix64.hpp"
#include "tests/sim/clock_model.hpp"

namespace tandem::sim {

struct Weather {
  Duration delay{std::chrono::microseconds(100)};   // at least this
  Duration spread{std::chrono::microseconds(300)};  // and up to this more
  std::uint64_t lost_per_million = 0;
  std::uint64_t repeated_per_million = 0;
};

class Network {
 public:
  explicit Network(std::size_t machines) : machines_(machines), cuts_(machines * machines, 0) {}

  bool is_open(std::size_t from, std::size_t to) const { return cuts_[from * machines_ + to] == 0; }
  bool is_open_both_ways(std::size_t a, std::size_t b) const {
    return is_open(a, b) && is_open(b, a);
  }
  void cut(std::size_t from, std::size_t to) { ++cuts_[from * machines_ + to]; }
  void mend(std::size_t from, std::size_t to) {
    TANDEM_ASSERT(cuts_[from * machines_ + to] > 0);
    --cuts_[from * machines_ + to];
  }

  Weather weather;

  Duration delay(SplitMix64& random) const { return weather.delay + random.up_to(weather.spread); }
  bool loses(SplitMix64& random) const {
    return weather.lost_per_million > 0 && random.below(1'000'000) < weather.lost_per_million;
  }
  bool repeats(SplitMix64& random) const {
    return weather.repeated_per_million > 0 &&
           random.below(1'000'000) < weather.repeated_per_million;
  }

 private:
  std::size_t machines_;
  std::vector<int> cuts_;
};

}  // namespace tandem::sim
