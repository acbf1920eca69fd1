#include "master/forward/io/deadline_wheel.hpp"

#include <catch2/catch.hpp>

namespace tandem::master::deadline_wheel_test {
namespace {

const Instant start = Instant(1000s);

struct Counted {
  Deadline deadline;
  int fired = 0;

  Counted() {
    deadline.on_expiry([](void* context) { ++static_cast<Counted*>(context)->fired; }, this);
  }
};

}  // namespace

TEST_CASE("a deadline fires once, not early, and at most two ticks late") {
  for (const Duration timeout :
       {Duration(0s), Duration(1ms), Duration(64ms), Duration(1s), Duration(100s)}) {
    INFO(timeout.count());
    DeadlineWheel wheel(start);
    Counted counted;
    wheel.arm(counted.deadline, timeout);
    wheel.advance(start + timeout - 1ns);
    CHECK(counted.fired == 0);
    wheel.advance(start + timeout + 2 * DeadlineWheel::tick);
    CHECK(counted.fired == 1);
    CHECK(counted.deadline.expired());
    wheel.advance(start + timeout + 1000s);
    CHECK(counted.fired == 1);
  }
}

TEST_CASE("time that is skipped counts for no deadline, however long it was") {
  for (const Duration stall : {Duration(700ms), Duration(1h)}) {
    DeadlineWheel wheel(start);
    Counted before;
    wheel.arm(before.deadline, 1s);
    wheel.advance(start + 500ms);
    const auto awake = start + 500ms + stall;
    wheel.skip_to(awake);
    CHECK(wheel.coarse_now() == awake);
    Counted after;
    wheel.arm(after.deadline, 1s);
    wheel.advance(awake + 400ms);
    CHECK(before.fired == 0);
    wheel.advance(awake + 500ms + 3 * DeadlineWheel::tick);  // the present tick was partly over
    CHECK(before.fired == 1);
    wheel.advance(awake + 1s - 1ms);
    CHECK(after.fired == 0);
    wheel.advance(awake + 1s + 2 * DeadlineWheel::tick);
    CHECK(after.fired == 1);
  }
}

TEST_CASE("a deadline that was disarmed does not fire, and is not expired") {
  DeadlineWheel wheel(start);
  Counted counted;
  wheel.arm(counted.deadline, 1s);
  CHECK(counted.deadline.armed());
  counted.deadline.disarm();
  wheel.advance(start + 10s);
  CHECK(counted.fired == 0);
  CHECK_FALSE(counted.deadline.expired());
  CHECK(wheel.armed_count() == 0);
}

TEST_CASE("arming again moves a deadline and forgets that it had expired") {
  DeadlineWheel wheel(start);
  Counted counted;
  wheel.arm(counted.deadline, 1s);
  wheel.arm(counted.deadline, 3s);
  wheel.advance(start + 2s);
  CHECK(counted.fired == 0);
  wheel.advance(start + 4s);
  CHECK(counted.fired == 1);
  wheel.arm(counted.deadline, 1s);
  CHECK_FALSE(counted.deadline.expired());
}

TEST_CASE(
    "a stall longer than a whole turn of the wheel fires everything that was due, and nothing "
    "else") {
  DeadlineWheel wheel(start);
  Counted soon, late;
  wheel.arm(soon.deadline, 1s);
  wheel.arm(late.deadline, 1000s);
  wheel.advance(start + 500s);
  CHECK(soon.fired == 1);
  CHECK(late.fired == 0);
  wheel.advance(start + 1001s);
  CHECK(late.fired == 1);
}

TEST_CASE("what fires may arm itself and disarm others that are due at the same tick") {
  struct Rearming {
    DeadlineWheel& wheel;
    Deadline deadline;
    Deadline* victim = nullptr;
    int fired = 0;
  };
  DeadlineWheel wheel(start);
  Counted victim;
  Rearming killer{.wheel = wheel, .deadline = {}, .victim = &victim.deadline};
  killer.deadline.on_expiry(
      [](void* context) {
        auto& self = *static_cast<Rearming*>(context);
        ++self.fired;
        self.victim->disarm();
        self.wheel.arm(self.deadline, 1s);
      },
      &killer);
  wheel.arm(killer.deadline, 1s);
  wheel.arm(victim.deadline, 1s);
  wheel.advance(start + 1200ms);
  CHECK(killer.fired == 1);
  CHECK(victim.fired == 0);
  wheel.advance(start + 2400ms);
  CHECK(killer.fired == 2);
}

TEST_CASE("a deadline that dies is forgotten by its wheel") {
  DeadlineWheel wheel(start);
  {
    Counted counted;
    wheel.arm(counted.deadline, 1s);
  }
  CHECK(wheel.armed_count() == 0);
  wheel.advance(start + 2s);
}

}  // namespace tandem::master::deadline_wheel_test
