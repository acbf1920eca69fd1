#include "common/core/serving_grant.hpp"

#include <algorithm>
#include <limits>

#include "common/core/limits.hpp"
#include "common/core/rules.hpp"

namespace tandem::core {

namespace {
constexpr LogIndex everything(std::numeric_limits<std::uint64_t>::max());
}  // namespace

void GivenGrants::heard(const MemberId& master, const GrantRequest& request, Instant arrival) {
  TANDEM_ASSERT(!master.empty());
  auto& given = given_[master];
  given.applied = std::max(given.applied, request.applied);
  const bool is_newer = request.session != given.session || request.asked > given.asked;
  if (request.asked == Instant::never() || !is_newer) return;
  given.asked = request.asked;
  given.session = request.session;
  given.arrived = arrival;
}

std::optional<Grant> GivenGrants::give(const MemberId& master, Instant now) {
  const auto found = given_.find(master);
  if (found == given_.end() || found->second.asked == Instant::never()) return std::nullopt;
  auto& given = found->second;
  TANDEM_ASSERT(given.arrived <= now);
  const Instant until = given.arrived + length_;
  if (until <= now) return std::nullopt;
  given.until = std::max(given.until, until);
  return Grant{.asked = given.asked, .session = given.session};
}

void GivenGrants::begins_anew(const MemberId& master) {
  const auto found = given_.find(master);
  if (found != given_.end()) found->second.applied = LogIndex(0);
}

void GivenGrants::keep_only(const Configuration& configuration) {
  std::erase_if(given_, [&](const auto& given) { return !configuration.contains(given.first); });
}

bool GivenGrants::is_over(const MemberId& master, Instant now) const {
  const bool assumed = rules.grants_of_before_are_assumed && now < earlier_until_;
  const auto found = given_.find(master);
  return !assumed && (found == given_.end() || found->second.until <= now);
}

bool GivenGrants::are_over(Instant now) const {
  return now >= earlier_until_ && std::all_of(given_.begin(), given_.end(), [&](const auto& given) {
           return given.second.until <= now;
         });
}

LogIndex GivenGrants::in_force(const MemberId& master, Instant now) const {
  if (is_over(master, now) || !rules.tightening_waits_for_grants) return everything;
  const auto found = given_.find(master);
  return found == given_.end() ? LogIndex(0) : found->second.applied;
}

void HeldGrant::take(const Grant& grant, Duration usable, LogIndex commit) {
  TANDEM_ASSERT(grant.asked != Instant::never());
  TANDEM_ASSERT(usable > Duration::zero());
  const Instant until = grant.asked + usable;
  if (commit <= applied_ || !rules.grant_waits_for_state) {
    until_ = std::max(until_, until);
    return;
  }
  if (until <= until_) return;
  if (waiting_.size() >= limits::grants_waiting_max) waiting_.pop_front();
  waiting_.push_back({until, commit});
}

void HeldGrant::applied(LogIndex index) {
  applied_ = index;
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    if (waiting.commit > applied_) return false;
    until_ = std::max(until_, waiting.until);
    return true;
  });
}

void HeldGrant::drop() {
  until_ = Instant::never();
  applied_ = LogIndex(0);
  waiting_.clear();
}

}  // namespace tandem::core
