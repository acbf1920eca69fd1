#include "master/forward/http/h2/patience.hpp"

#include <algorithm>

namespace tandem::master::h2 {

Patience::State Patience::charge(std::uint32_t points, Instant now) {
  if (is_out_) return State::out;
  if (now > refilled_) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - refilled_).count();
    const auto fresh = std::min<std::uint64_t>(static_cast<std::uint64_t>(ms), 1'000'000) *
                       limits::h2_patience_points_per_second;
    thousandths_ = std::min(full, thousandths_ + fresh);
    if (ms > 0) refilled_ = now;
  }
  const auto cost = points * std::uint64_t{1000};
  is_out_ = cost >= thousandths_;
  thousandths_ -= std::min(cost, thousandths_);
  if (is_out_) return State::out;
  return thousandths_ <= full / 4 ? State::thin : State::fine;
}

void Patience::reward(std::uint32_t points) {
  thousandths_ = std::min(full, thousandths_ + points * std::uint64_t{1000});
}

}  // namespace tandem::master::h2
