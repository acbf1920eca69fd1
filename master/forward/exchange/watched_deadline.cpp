#include "master/forward/exchange/watched_deadline.hpp"

#include <algorithm>

#include "master/forward/stream/limits.hpp"

namespace tandem::master {

void WatchedDeadline::on_expiry(void (*function)(void*), void* context) {
  function_ = function;
  context_ = context;
  deadline_.on_expiry([](void* self) { static_cast<WatchedDeadline*>(self)->fire(); }, this);
}

void WatchedDeadline::arm_sending(MessageStream& peer, const RequestTimes& times) {
  if (peer_ != &peer) {
    peer_ = &peer;
    const auto& timeouts = times.timeouts();
    progress_.emplace(timeouts.body_idle, &peer == &client_ ? timeouts.pace : any_pace);
  }
  watching_ = false;
  times_ = &times;
  const auto now = wheel_.coarse_now();
  progress_->wait(now);
  wheel_.arm(deadline_, times.within(progress_->next_look(), now));
}

void WatchedDeadline::arm_watching(Duration timeout, bool may_probe, const RequestTimes* times) {
  if (progress_) progress_->end(wheel_.coarse_now());
  pinging_ = times;
  watching_ = true;
  may_probe_ = may_probe;
  until_ = wheel_.coarse_now() + timeout;
  wheel_.arm(deadline_, std::min<Duration>(timeout, limits::client_check));
}

void WatchedDeadline::disarm() {
  if (progress_) progress_->end(wheel_.coarse_now());
  deadline_.disarm();
}

void WatchedDeadline::fire() {
  if (!may_go_on()) function_(context_);
}

bool WatchedDeadline::may_go_on() {
  const auto now = wheel_.coarse_now();
  if (!watching_) {
    if (times_->is_over(now) || !progress_->look(now, peer_->acknowledged())) return false;
    wheel_.arm(deadline_, times_->within(progress_->next_look(), now));
    return true;
  }
  if (until_ <= now && pinging_ != nullptr) until_ = pinging_->pinging_until(client_.pinged_at());
  const auto left = until_ - now;
  if (left <= Duration::zero()) return false;
  client_gone_ = client_.is_gone(may_probe_);
  if (client_gone_) return false;
  wheel_.arm(deadline_, std::min<Duration>(left, limits::client_check));
  return true;
}

}  // namespace tandem::master
