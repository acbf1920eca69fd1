// random_source.hpp: the random numbers that policies draw: SplitMix64 (Steele, Lea & Flood 2014).
//
// A nanosecond each, eight bytes of state, the same sequence for the same seed on every machine.
// Not for secrets. Owner: a policy, on its loop.
#pragma once

#include <cstdint>

namespace tandem::master {

class RandomSource {
 public:
  explicit RandomSource(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // Below `count`, all alike but for one part in 2^32. REQUIRES: 0 < count < 2^32.
  std::size_t below(std::size_t count) {
    return static_cast<std::size_t>(((next() >> 32) * count) >> 32);
  }
  // In [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace tandem::master
