// time.hpp: one kind of instant for all of Tandem.
//
// Instant is CLOCK_BOOTTIME in nanoseconds: monotonic, and unlike CLOCK_MONOTONIC it continues
// while the machine is suspended, so that a promise cannot outlive a suspension. Instants of
// different machines are never compared. This header reads no clock: code that decides is passed
// the time (see clock.hpp).
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>

namespace tandem {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;

class Instant {
 public:
  constexpr Instant() = default;  // the moment of boot
  constexpr explicit Instant(Duration since_boot) : since_boot_(since_boot) {}

  // Earlier than every real instant.
  static constexpr Instant never() { return Instant(Duration::min()); }
  // Later than every real instant.
  static constexpr Instant forever() { return Instant(Duration::max()); }

  constexpr Duration since_boot() const { return since_boot_; }

  // REQUIRES: neither side is never() or forever(), whose arithmetic would overflow.
  friend constexpr Instant operator+(Instant t, Duration d) { return Instant(t.since_boot_ + d); }
  friend constexpr Instant operator-(Instant t, Duration d) { return Instant(t.since_boot_ - d); }
  friend constexpr Duration operator-(Instant a, Instant b) {
    return a.since_boot_ - b.since_boot_;
  }
  friend constexpr auto operator<=>(Instant, Instant) = default;

 private:
  Duration since_boot_{0};
};

}  // namespace tandem
