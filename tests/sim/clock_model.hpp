// clock_model.hpp: a machine's CLOCK_BOOTTIME as a function of true time: it starts anywhere, runs
// a little fast or slow, and can be made to jump ahead or to stand still. It never goes back.
//
// Units: SimTime is true time since the world began, in nanoseconds; Instant is the machine's own
// clock.
#pragma once

#include "common/base/assert.hpp"
#include "common/base/time.hpp"

namespace tandem::sim {

using SimTime = Duration;

class ClockModel {
 public:
  ClockModel() = default;
  explicit ClockModel(Duration start) : local_(start) {}

  Instant at(SimTime now) const {
    const auto passed = (now - since_).count();
    return Instant(local_ + Duration(passed + passed / 1000 * ppm_ / 1000));
  }
  // The first true time, not before `now`, at which the clock shows `local` or later.
  SimTime when(Instant local, SimTime now) const {
    if (at(now) >= local) return now;
    const auto ahead = static_cast<double>((local - at(now)).count());
    SimTime guess =
        now + Duration(static_cast<Duration::rep>(ahead * 1e6 / (1e6 + static_cast<double>(ppm_))));
    while (at(guess) < local) guess += Duration(1000);
    return guess;
  }

  // Parts per million by which it runs fast (or slow, when negative).
  void set_rate(SimTime now, std::int64_t ppm) {
    rebase(now);
    ppm_ = ppm;
  }
  void jump_ahead(SimTime now, Duration by) {
    TANDEM_ASSERT(by >= Duration::zero());
    rebase(now);
    local_ += by;
  }
  // It stood still for `by` before `now`, as that of a paused virtual machine does.
  void stood_still(SimTime now, Duration by) {
    TANDEM_ASSERT(by >= Duration::zero());
    const Instant shown = at(now);
    rebase(now);
    local_ = (shown - by).since_boot();
  }

 private:
  void rebase(SimTime now) {
    local_ = at(now).since_boot();
    since_ = now;
  }

  Duration local_{0};
  SimTime since_{0};
  std::int64_t ppm_ = 0;
};

}  // namespace tandem::sim
