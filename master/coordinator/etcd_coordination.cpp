#include "master/coordinator/etcd_coordination.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/core/limits.hpp"
#include "master/coordinator/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

SourceSpec only(const SourceSpec& spec, const Endpoint& server) {
  auto alone = spec;
  alone.servers = {server};
  return alone;
}

}  // namespace

EtcdCoordination::EtcdCoordination(asio::io_context& loop, CoordinatorSpec spec,
                                   cluster::ClusterOptions options, cluster::ClusterHooks hooks)
    : loop_(loop),
      spec_(std::move(spec)),
      keys_(spec_.cluster),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      reader_(loop, spec_.etcd),
      writer_(loop, spec_.etcd),
      watcher_(loop, spec_.etcd),
      granter_(loop, spec_.etcd),
      news_(loop),
      work_(loop) {
  for (const auto& server : spec_.etcd.servers) {
    renewers_.push_back(std::make_unique<EtcdClient>(loop, only(spec_.etcd, server)));
  }
}

void EtcdCoordination::start(Endpoint control) {
  control_ = std::move(control);
  no_primary_since_ = now();
  spawn(keep_lease());
  spawn(follow());
  spawn(write());
  publish_view();
}

void EtcdCoordination::stop() {
  if (std::exchange(stopped_, true)) return;
  hooks_ = {};
  reader_.cancel();
  writer_.cancel();
  watcher_.cancel();
  granter_.cancel();
  for (const auto& renewer : renewers_) renewer->cancel();
  news_.cancel();
  work_.cancel();
}

void EtcdCoordination::spawn(Awaitable<void> task) {
  asio::co_spawn(loop_, std::move(task), asio::detached);
}

asio::awaitable<void> EtcdCoordination::sleep(Duration time) {
  asio::steady_timer timer(loop_, std::max(time, Duration::zero()));
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

void EtcdCoordination::step(core::Input input) {
  if (is_over()) return;
  if (auto* proposal = std::get_if<core::Propose>(&input)) {
    propose(std::move(*proposal));
  } else if (const auto* announced = std::get_if<core::TermAnnounced>(&input)) {
    if (!leads() || announced->term != term_) return;
    announced_ = true;
    refresh_gate();
  } else if (const auto* reported = std::get_if<core::TermReported>(&input)) {
    term_reported(reported->term);
  } else if (const auto* wanted = std::get_if<core::HandOver>(&input)) {
    if (!leads() || std::exchange(handing_over_, true)) return;
    spawn(hand_over(wanted->to));
  }
}

void EtcdCoordination::set_listen(std::string listen) {
  options_.listen = std::move(listen);
  look_soon();
}

void EtcdCoordination::set_inner(std::string inner) {
  options_.inner = std::move(inner);
  look_soon();
}

void EtcdCoordination::set_control(Endpoint control) {
  control_ = std::move(control);
  look_soon();
}

void EtcdCoordination::give_up(const Error& error) {
  if (is_over()) return;
  log::error("no longer taking part node={} reason=\"{}\"", options_.node, error.message);
  failure_ = error.message;
  // Its lease ends by itself, and so does what it holds with that.
  if (leads()) take_role(core::Role::follower, {});
  refresh_gate();
  refuse_waiting(failure_);
  publish_view();
}

// Shut before anything else can lead (R7).
void EtcdCoordination::refresh_gate() {
  const bool may = leads() && announced_ && !handing_over_ && failure_.empty();
  // A lease counts that holds the key of the one that leads.
  const bool holds = lease_ && lease_->id == leading_lease_;
  const auto leased = holds ? lease_until_ : Instant::never();
  const auto until = may ? std::max({leased, outage_until_, lost_until_}) : Instant::never();
  if (until == gate_) return;
  gate_ = until;
  if (hooks_.serve_until) hooks_.serve_until(until, term_);
}

}  // namespace tandem::master
