#include "common/core/pair_mode.hpp"

#include "common/base/assert.hpp"

namespace tandem::core {

namespace {
constexpr int standby_silent_leases = 3;
constexpr int primary_silent_leases = 4;
}  // namespace

void PairStanding::heard(Standing standing, Instant now) {
  TANDEM_ASSERT(standing != Standing::out_of_sync);
  TANDEM_ASSERT(now != Instant::never());
  standing_ = standing;
  heard_ = now;
}

Instant PairStanding::promotion_due() const {
  TANDEM_ASSERT(lease_ > Duration::zero());
  switch (standing_) {
    case Standing::out_of_sync: return Instant::forever();
    case Standing::standby: return heard_ + standby_silent_leases * lease_;
    case Standing::was_primary: return heard_ + primary_silent_leases * lease_;
  }
  assertion_failed("a known standing", __FILE__, __LINE__);
}

bool PairStanding::was_stalled(Instant now) const {
  if (standing_ == Standing::out_of_sync) return false;
  TANDEM_ASSERT(now >= heard_);
  return now > promotion_due() + lease_ / 2;
}

Term self_promotion_term(const Configuration& configuration, const MemberId& self, Term current) {
  TANDEM_ASSERT(configuration.pair);
  TANDEM_ASSERT(configuration.contains(self));
  const std::uint64_t parity = configuration.voters.front().id.node == self.node ? 0 : 1;
  Term term = current.next();
  if (term.value() % 2 != parity) term = term.next();
  TANDEM_ASSERT(term > current);
  return term;
}

}  // namespace tandem::core
