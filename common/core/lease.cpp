#include "common/core/lease.hpp"

#include <algorithm>
#include <functional>

namespace tandem::core {

Lease::Lease(Duration lease) : lease_(lease) { TANDEM_ASSERT(lease > Duration::zero()); }

void Lease::renew(Instant sent) {
  if (sent == Instant::never()) return;
  TANDEM_ASSERT(sent != Instant::forever());
  serve_until_ = std::max(serve_until_, sent + lease_);
}

Instant answered_by(std::vector<Instant>& answered, std::size_t quorum) {
  TANDEM_ASSERT(quorum > 0);
  TANDEM_ASSERT(quorum <= answered.size());
  const auto place = answered.begin() + static_cast<std::ptrdiff_t>(quorum - 1);
  std::nth_element(answered.begin(), place, answered.end(), std::greater<>());
  return *place;
}

void Promise::give(const MemberId& primary, Instant until) {
  TANDEM_ASSERT(!primary.empty());
  TANDEM_ASSERT(until != Instant::forever());
  until_ = std::max(until_, until);
  primary_ = primary;
}

void Promise::keep_quiet(Instant until) {
  TANDEM_ASSERT(until != Instant::forever());
  primary_ = MemberId{};
  until_ = std::max(until_, until);
}

void Promise::drop() {
  primary_ = MemberId{};
  until_ = Instant::never();
}

bool Promise::binds(const MemberId& candidate, Instant now) const {
  TANDEM_ASSERT(!candidate.empty());
  return now < until_ && candidate != primary_;
}

Duration Promise::left(Instant now) const {
  TANDEM_ASSERT(now != Instant::never());
  return now < until_ ? until_ - now : Duration::zero();
}

}  // namespace tandem::core
