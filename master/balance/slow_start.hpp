// slow_start.hpp: a worker that joins a service that is serving gets its share little by little:
// its caches are cold, and a service that has just returned is easily thrown down again.
//
// Its weight grows linearly over `over`, from a tenth. When more than half of a service is new
// nobody can spare them: then all count in full, and so it is while the service itself is new, at
// the start of a cluster. Pure.
#pragma once

#include <algorithm>
#include <cstddef>

#include "common/base/time.hpp"

namespace tandem::master {

struct SlowStart {
  Duration over = 10s;  // 0: off

  static constexpr double part_min = 0.1;

  bool is_on() const { return over > Duration::zero(); }
  // The part of its weight that a worker has, so long after it joined.
  double part(Duration since) const {
    if (since >= over) return 1;
    const auto passed = static_cast<double>(since.count()) / static_cast<double>(over.count());
    return std::max(part_min, passed);
  }
  // How often the weights are to be set anew: the part grows by a tenth.
  Duration step() const { return over / 10; }
  // Whether a worker that joins starts slowly, in a service that has had workers for `age`.
  bool applies(Duration age) const { return is_on() && age >= over; }
  // Whether `starting` of `all` workers may be spared.
  static bool can_be_spared(std::size_t starting, std::size_t all) { return starting * 2 <= all; }
};

}  // namespace tandem::master
