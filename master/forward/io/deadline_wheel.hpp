// deadline_wheel.hpp: every time-out of one loop, in one coarse hashed timing wheel (Varghese &
// Lauck 1987, scheme 6).
//
// A request arms and disarms several time-outs that almost never fire; in the wheel that is linking
// and unlinking a list node, with no system call and no allocation. Deadlines fire up to one tick
// (64 ms) late and never early. Owner: the loop; not thread-safe.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/time.hpp"

namespace tandem::master {

class DeadlineWheel;

// Something that happens unless it is disarmed in time. Fires at most once per arming.
class Deadline {
 public:
  Deadline() = default;
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { disarm(); }

  bool armed() const { return next_ != nullptr; }
  // True from the firing until the next arming.
  bool expired() const { return expired_; }
  void disarm();

  // What to call when it fires. The object may be armed again from within.
  void on_expiry(void (*function)(void*), void* context) {
    function_ = function;
    context_ = context;
  }

 private:
  friend class DeadlineWheel;
  void link_before(Deadline* place);

  Deadline* prev_ = nullptr;
  Deadline* next_ = nullptr;
  DeadlineWheel* wheel_ = nullptr;
  void (*function_)(void*) = nullptr;
  void* context_ = nullptr;
  std::uint64_t due_tick_ = 0;
  bool expired_ = false;
};

class DeadlineWheel {
 public:
  static constexpr Duration tick = 64ms;

  explicit DeadlineWheel(Instant start);
  DeadlineWheel(const DeadlineWheel&) = delete;
  DeadlineWheel& operator=(const DeadlineWheel&) = delete;
  ~DeadlineWheel();

  // (Re)arms: fires in [timeout, timeout + tick] after the wheel's present tick.
  // REQUIRES: on_expiry was called.
  void arm(Deadline& deadline, Duration timeout);

  // Fires all that is due at `now`.
  void advance(Instant now);

  // It is `now`, and the time since the last advance() does not count: the loop was kept from
  // running, and what it waits for has not had that time. All that is armed fires so much later.
  void skip_to(Instant now);

  // The present tick: at most one tick behind the clock, and free.
  Instant coarse_now() const { return start_ + static_cast<Duration::rep>(now_tick_) * tick; }
  std::size_t armed_count() const { return armed_count_; }

 private:
  friend class Deadline;
  static constexpr std::size_t slots = 1024;  // 65.5 s: the default time-outs need one turn at most

  void fire_slot(std::uint64_t tick_number);

  Instant start_;
  std::uint64_t now_tick_ = 0;
  std::size_t armed_count_ = 0;
  std::array<Deadline, slots> slots_;  // list heads
};

}  // namespace tandem::master
