// slow_start.hpp: a worker that joins a running service gets its full share gradually: its caches
// are cold, and a worker that has just returned is easily overloaded again.
//
// Its weight grows linearly over `over`, from a tenth. When more than half of a service is new, the
// others cannot carry their load, so all count in full; likewise while the service itself is new,
// at the start of a cluster. Pure.
#pragma once

#include <algorithm>
#include <cstddef>

#include "common/base/time.hpp"

namespace tandem::master {

struct SlowStart {
  Duration over = 10s;  // 0: off

  static constexpr double part_min = 0.1;

  bool is_on() const { return over > Duration::zero(); }
  // The part of its weight that a worker has at the time `since` after it joined.
  double part(Duration since) const {
    if (since >= over) return 1;
    const auto passed = static_cast<double>(since.count()) / static_cast<double>(over.count());
    return std::max(part_min, passed);
  }
  // How often to update the weights: the part grows by a tenth in this time.
  Duration step() const { return over / 10; }
  // Whether a worker that joins starts slowly, in a service that has had workers for `age`.
  bool applies(Duration age) const { return is_on() && age >= over; }
  // Whether the service can do without the full weight of `starting` of its `all` workers.
  static bool can_be_spared(std::size_t starting, std::size_t all) { return starting * 2 <= all; }
};

}  // namespace tandem::master
