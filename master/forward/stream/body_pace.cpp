#include "master/forward/stream/body_pace.hpp"

#include <algorithm>

#include "common/base/assert.hpp"

namespace tandem::master {

Duration BodyPace::time_for(std::uint64_t bytes) const {
  const auto rate = limits_.bytes_per_s == 0 ? limits::body_rate_min : limits_.bytes_per_s;
  constexpr std::uint64_t most = limits::body_credit_max / 1s;
  if (bytes / rate >= most) return limits::body_credit_max;
  return std::chrono::nanoseconds(bytes * std::uint64_t{1'000'000'000} / rate);
}

void BodyPace::note(Duration waited, std::uint64_t bytes) {
  left_ = std::max(left_ - waited, Duration::zero());
  const auto most = std::max<Duration>(limits_.grace, limits::body_credit_max);
  credit_ = std::min(credit_ - waited + time_for(bytes), most);
}

Duration BodyPace::patience() const {
  auto patience = Duration::max();
  if (limits_.bytes_per_s > 0) patience = std::max(credit_, Duration::zero());
  if (limits_.whole > Duration::zero()) patience = std::min(patience, left_);
  return patience;
}

Duration SendProgress::look_period() const {
  return std::min<Duration>(limits::client_check, idle_ / 2);
}

Duration SendProgress::next_look() const {
  return std::max(look_period() - waited_, Duration::zero());
}

void SendProgress::wait(Instant at) {
  waits_ = true;
  since_ = moved_at_ = at;
  // What was taken since then was not taken at once.
  if (looked_at_ == Instant::never() || at - looked_at_ > 2 * look_period()) looks_moving_ = many;
}

void SendProgress::end(Instant at) {
  if (!waits_) return;
  waits_ = false;
  waited_ += at - since_;
}

bool SendProgress::look(Instant at, std::uint64_t acknowledged) {
  TANDEM_ASSERT(waits_);
  const bool is_first = looked_at_ == Instant::never();
  // When what was taken before the first look was taken is not known. It counts all the same: a
  // slow reader's system has taken as much as the reader needs many seconds for, and tells of no
  // more until then.
  if (is_first) waited_ = Duration::zero();
  const auto taken = acknowledged - acknowledged_;
  pace_.note(waited_ + (at - since_), taken);
  if (!is_first) note_taken(at, taken);
  acknowledged_ = acknowledged;
  waited_ = Duration::zero();
  since_ = looked_at_ = at;
  return at - moved_at_ < tolerated_ && pace_.patience() > Duration::zero();
}

void SendProgress::note_taken(Instant at, std::uint64_t bytes) {
  if (bytes == 0) {
    looks_moving_ = 0;
    step_ = 0;
    return;
  }
  moved_at_ = at;
  looks_moving_ = std::min(looks_moving_ + 1, many);
  // It may have been in the middle of a step when it was looked at.
  step_ = looks_moving_ < many ? step_ + bytes : 0;
  tolerated_ = std::max(idle_, pace_.time_for(step_));
}

}  // namespace tandem::master
