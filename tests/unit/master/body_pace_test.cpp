// How fast a body has to move: the arithmetic, without sockets.
#include <catch2/catch.hpp>

#include "master/forward/stream/body_pace.hpp"
#include "master/forward/workers/limits.hpp"

namespace tandem::master::body_pace_test {

using namespace std::chrono_literals;

namespace {

constexpr BodyPaceLimits kilobyte{.bytes_per_s = 1'000, .grace = 10s};

Instant at(Duration time) { return Instant(time); }

}  // namespace

TEST_CASE("a peer that sends nothing has its grace") {
  BodyPace pace(kilobyte);
  CHECK(pace.patience() == 10s);
  pace.note(4s, 0);
  CHECK(pace.patience() == 6s);
  pace.note(7s, 0);
  CHECK(pace.patience() == 0s);
}

TEST_CASE("a steady peer at the least rate goes on for ever, one just below it does not") {
  BodyPace steady(kilobyte);
  BodyPace slower(kilobyte);
  for (int i = 0; i < 10'000; ++i) {
    steady.note(1s, 1'000);
    slower.note(1s, 990);
  }
  CHECK(steady.patience() == 10s);
  CHECK(slower.patience() == 0s);
}

TEST_CASE("what was quick before pays for a pause, up to a limit") {
  BodyPace pace(kilobyte);
  pace.note(1s, 1'000'000'000'000);
  CHECK(pace.patience() == limits::body_credit_max);
  pace.note(limits::body_credit_max, 0);
  CHECK(pace.patience() == 0s);
}

TEST_CASE("without a rate only the whole counts, and without that nothing does") {
  BodyPace any({.bytes_per_s = 0});
  any.note(1h, 0);
  CHECK(any.patience() == Duration::max());
  BodyPace whole({.bytes_per_s = 0, .whole = 1min});
  whole.note(20s, 1'000'000);
  CHECK(whole.patience() == 40s);
  whole.note(41s, 1'000'000);
  CHECK(whole.patience() == 0s);
}

TEST_CASE("a peer that takes nothing is waited for as long as it may be idle") {
  SendProgress progress(60s, kilobyte);
  progress.wait(at(0s));
  CHECK(progress.look(at(1s), 5'000));
  SendProgress patient(60s, any_pace);
  patient.wait(at(0s));
  CHECK(patient.look(at(59s), 5'000));
  CHECK_FALSE(patient.look(at(60s), 5'000));
}

TEST_CASE("each byte that is taken begins the time anew") {
  SendProgress progress(60s, any_pace);
  progress.wait(at(0s));
  for (int i = 1; i < 100; ++i) CHECK(progress.look(at(i * 59s), static_cast<unsigned>(i)));
}

TEST_CASE("a reader that made room for much at once may take the time that it needs") {
  SendProgress progress(60s, {.bytes_per_s = 1'000});
  progress.wait(at(0s));
  CHECK(progress.look(at(1s), 5'000));
  CHECK(progress.look(at(2s), 5'000));
  CHECK(progress.look(at(3s), 50'000));
  CHECK(progress.look(at(4s), 95'000));  // the rest of the same step
  CHECK(progress.look(at(93s), 95'000));
  CHECK_FALSE(progress.look(at(95s), 95'000));
}

TEST_CASE("what the peer's system takes at first says nothing of the peer") {
  SendProgress progress(60s, any_pace);
  progress.wait(at(0s));
  CHECK(progress.look(at(1s), 1'000'000));
  CHECK(progress.look(at(2s), 5'000'000));
  CHECK(progress.look(at(3s), 5'500'000));
  CHECK(progress.look(at(62s), 5'500'000));
  CHECK_FALSE(progress.look(at(63s), 5'500'000));
}

TEST_CASE("a reader has time for what its system has taken at first") {
  SendProgress progress(60s, {.bytes_per_s = 1'000});
  progress.wait(at(0s));
  CHECK(progress.look(at(1s), 128'000));
  CHECK(progress.look(at(14s), 128'000));
  CHECK(progress.look(at(15s), 223'000));
}

TEST_CASE("writes that wait a moment each are looked at together") {
  SendProgress progress(60s, any_pace);
  CHECK(progress.next_look() == 1s);
  progress.wait(at(0s));
  progress.end(at(400ms));
  progress.wait(at(5s));
  CHECK(progress.next_look() == 600ms);
  CHECK(progress.look(at(5600ms), 1));
  CHECK(progress.next_look() == 1s);
}

TEST_CASE("only the time in which a write waited counts") {
  SendProgress progress(60s, kilobyte);
  progress.wait(at(0s));
  CHECK(progress.look(at(1s), 0));
  progress.end(at(2s));
  progress.wait(at(1'000s));  // the worker had nothing to send
  CHECK(progress.look(at(1'001s), 1'000));
  progress.end(at(1'002s));
  progress.wait(at(1'003s));
  CHECK_FALSE(progress.look(at(1'013s), 1'000));
}

}  // namespace tandem::master::body_pace_test
