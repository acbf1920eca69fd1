// splitmix64.hpp: random numbers from a seed: SplitMix64 (Steele, Lea & Flood 2014).
//
// A nanosecond each, eight bytes of state, the same sequence for the same seed on every machine, so
// that a history of the core can be replayed. Not for secrets. Owner: one thread.
#pragma once

#include <cstdint>

#include "common/base/assert.hpp"
#include "common/base/time.hpp"

namespace tandem {

class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound). REQUIRES: bound > 0
  std::uint64_t below(std::uint64_t bound) {
    TANDEM_ASSERT(bound > 0);
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }

  // Uniform in [0, longest]. REQUIRES: longest >= 0
  Duration up_to(Duration longest) {
    TANDEM_ASSERT(longest >= Duration::zero());
    return Duration(
        static_cast<Duration::rep>(below(static_cast<std::uint64_t>(longest.count()) + 1)));
  }

  // Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  __extension__ using Wide = unsigned __int128;
  std::uint64_t state_;
};

}  // namespace tandem
