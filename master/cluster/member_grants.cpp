// The part of ClusterMember for masters that serve without leading (core/serving_grant.hpp): what
// this one is granted, what it reports for that, and when a change is in force at all of them.
#include <algorithm>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "master/cluster/cluster_member.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

constexpr Duration adoption_poll = 1ms;
constexpr Duration in_force_poll = 1ms;

}  // namespace

void ClusterMember::set_serves(bool serves) {
  serves_.store(serves, std::memory_order_relaxed);
  report_applied();
}

// On the cluster's thread.
void ClusterMember::took_grant(Instant until) {
  const bool was_open = gate_.may_forward(now()).has_value();
  gate_.set_granted_until(serves_.load(std::memory_order_relaxed) ? until : Instant::never());
  if (was_open || until <= now()) return;
  leadership_ = nullptr;  // loops may be waiting for it
  publish_leadership();
}

// What was applied counts once every loop acts by it. A loop adopts what is published within
// microseconds, unless it has much to do.
void ClusterMember::report_applied() {
  const bool is_asked = serves_.load(std::memory_order_relaxed) || view_.grants;
  if (!is_asked || awaiting_adoption_ || closed_) return;
  awaiting_adoption_ = true;
  asio::co_spawn(control_loop_, await_adoption(), asio::detached);
}

asio::awaitable<void> ClusterMember::await_adoption() {
  asio::steady_timer timer(control_loop_);
  while (!closed_ && applied_reported_ != state_.applied()) {
    const auto applied = state_.applied();
    const auto version = registry_.published_version();
    if (version && (!hooks_.has_adopted || hooks_.has_adopted(*version))) {
      applied_reported_ = applied;
      to_coordination(core::Applied{applied});
      continue;
    }
    boost::system::error_code ignored;
    timer.expires_after(adoption_poll);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  awaiting_adoption_ = false;
}

// The masters that serve clients: those that vote and answer, where grants are used.
unsigned ClusterMember::count_servers() const {
  if (!view_.grants) return 1;
  const auto masters =
      std::count_if(view_.voters.begin(), view_.voters.end(), [](const cluster::VoterView& voter) {
        return voter.kind == core::VoterKind::master && !voter.silent_since;
      });
  return std::max(1u, static_cast<unsigned>(masters));
}

// Whether requests that start by the state before the change do no harm.
bool ClusterMember::is_loosening(const Change& change) const {
  if (const auto* drain = std::get_if<SetDrained>(&change)) return !drain->drained;
  if (const auto* weight = std::get_if<SetWeight>(&change)) {
    const auto worker = registry_.worker(weight->name, now());
    return worker && weight->weight && *weight->weight >= worker->weight;
  }
  return std::holds_alternative<Join>(change) || std::holds_alternative<AddWorker>(change) ||
         std::holds_alternative<SetSecret>(change) || std::holds_alternative<SetMasters>(change) ||
         std::holds_alternative<AdmitMaster>(change) ||
         std::holds_alternative<RaiseFeatureLevel>(change);
}

// Returns when every master that may forward acts by the state after `index`. Until then a request
// could still start by an older one.
asio::awaitable<Result<>> ClusterMember::await_in_force(LogIndex index) {
  const auto deadline = now() + 2 * options_.timing.grant();
  asio::steady_timer timer(control_loop_);
  while (!closed_ && view_.grants && in_force_ < index) {
    if (!is_primary() || now() >= deadline) {
      co_return fail(ErrorCode::timed_out,
                     "the change is made, but it is not known whether it is in force at every "
                     "master already; repeat it to find out");
    }
    boost::system::error_code ignored;
    timer.expires_after(in_force_poll);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return Result<>();
}

}  // namespace tandem::master
