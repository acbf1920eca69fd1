// The part of EtcdCoordination that keeps its lease: by a question to each server at once, so that
// one that is frozen or cut off costs no time.
#include <chrono>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "master/coordinator/etcd_coordination.hpp"
#include "master/coordinator/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

struct EtcdCoordination::Round {
  explicit Round(asio::io_context& loop) : over(loop, asio::steady_timer::time_point::max()) {}

  asio::steady_timer over;
  std::size_t waiting = 0;
  bool is_decided = false;
  Duration ttl{0};  // as renewed; zero: it has ended
  std::string why;  // of a question that failed
};

asio::awaitable<void> EtcdCoordination::keep_lease() {
  while (!is_over()) {
    const auto begun = now();
    if (!lease_) {
      auto obtaining = obtain_lease();
      if (!co_await std::move(obtaining)) {
        auto pausing = sleep(limits::coordinator_retry);
        co_await std::move(pausing);
        continue;
      }
    } else {
      auto renewing = renew_lease();
      co_await std::move(renewing);
    }
    if (!lease_) continue;
    auto pausing = sleep(begun + lease_->ttl / 4 - now());
    co_await std::move(pausing);
  }
}

asio::awaitable<bool> EtcdCoordination::obtain_lease() {
  const auto sent = now();
  auto granting =
      granter_.grant(coordinator_lease(options_.timing), limits::coordinator_answer_max);
  const auto lease = co_await std::move(granting);
  if (is_over()) co_return false;
  if (!lease) {
    unreached(lease.error().message);
    if (now() - sent <= 2 * limits::coordinator_answer_max) go_on_without();
    co_return false;
  }
  lease_ = *lease;
  renewed(sent, lease->ttl);
  look_soon();  // it is registered with it
  co_return true;
}

asio::awaitable<void> EtcdCoordination::ask_to_renew(std::shared_ptr<Round> round,
                                                     EtcdClient& client, std::uint64_t lease,
                                                     Duration answer_max) {
  auto asking = client.keep_alive(lease, answer_max);
  const auto ttl = co_await std::move(asking);
  --round->waiting;
  if (round->is_decided) co_return;
  if (ttl) {
    round->is_decided = true;
    round->ttl = *ttl;
  } else {
    round->why = ttl.error().message;
  }
  if (round->is_decided || round->waiting == 0) round->over.cancel();
}

asio::awaitable<void> EtcdCoordination::renew_lease() {
  const auto sent = now();
  const auto id = lease_->id;
  const auto patience = lease_->ttl * 3 / 8;
  const auto round = std::make_shared<Round>(loop_);
  round->waiting = renewers_.size();
  for (const auto& renewer : renewers_) spawn(ask_to_renew(round, *renewer, id, patience));
  boost::system::error_code ignored;
  co_await round->over.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if (is_over() || !lease_ || lease_->id != id) co_return;
  if (round->is_decided && round->ttl > Duration::zero()) co_return renewed(sent, round->ttl);
  if (round->is_decided) co_return lease_lost();
  // A process that was frozen meanwhile knows nothing of etcd.
  if (now() - sent > 2 * patience) co_return;
  if (now() - reached_at_ >= lease_->ttl / 2) unreached(round->why);
  go_on_without();
}

// Etcd has been asked in vain. Who has lost the lead, or may have, does not go on.
void EtcdCoordination::go_on_without() {
  const bool holds = lease_ && lease_->id == leading_lease_;
  const bool may = leads() && announced_ && (holds || !lost_why_.empty());
  if (may) outage_until_ = now() + limits::coordinator_outage_step;
  refresh_gate();
}

void EtcdCoordination::renewed(Instant sent, Duration ttl) {
  lease_->ttl = ttl;
  lease_until_ = std::max(lease_until_, sent + ttl - limits::coordinator_lease_margin);
  reached();
  refresh_gate();
}

void EtcdCoordination::lease_lost() {
  log::warn("lease lost node={}", options_.node);
  lease_.reset();
  lease_until_ = Instant::never();
  registered_.clear();
  registration_ = 0;
  reached();
  refresh_gate();
  look_soon();  // whether somebody leads, nobody does, or etcd has lost what it held
}

void EtcdCoordination::reached() {
  reached_at_ = now();
  outage_until_ = Instant::never();
  if (!unreached_since_) return;
  const std::chrono::duration<double> time = now() - *unreached_since_;
  log::info("etcd answers again node={} after_s={:.1f}", options_.node, time.count());
  unreached_since_.reset();
  look_soon();
  publish_view();
}

void EtcdCoordination::unreached(const std::string& why) {
  unreached_why_ = why;
  if (unreached_since_) return;
  unreached_since_ = reached_at_ == Instant::never() ? now() : reached_at_;
  unreached_clock_ = coordinator_clock();
  log::warn("etcd does not answer node={} reason=\"{}\"", options_.node, why);
  refuse_waiting(unreachable_text());
  publish_view();
}

}  // namespace tandem::master
