#include "master/forward/watched_deadline.hpp"

#include <poll.h>

#include <algorithm>

#include "common/base/limits.hpp"

namespace tandem::master {

void WatchedDeadline::on_expiry(void (*function)(void*), void* context) {
  function_ = function;
  context_ = context;
  deadline_.on_expiry([](void* self) { static_cast<WatchedDeadline*>(self)->fire(); }, this);
}

void WatchedDeadline::arm(Duration timeout) {
  watching_ = false;
  loop_.arm(deadline_, timeout);
}

void WatchedDeadline::arm_watching(Duration timeout, bool may_probe) {
  watching_ = true;
  may_probe_ = may_probe;
  until_ = loop_.coarse_now() + timeout;
  loop_.arm(deadline_, std::min<Duration>(timeout, limits::client_check));
}

void WatchedDeadline::fire() {
  const auto left = until_ - loop_.coarse_now();
  if (watching_ && left > Duration::zero()) {
    client_gone_ = client_is_gone();
    if (!client_gone_) return loop_.arm(deadline_, std::min<Duration>(left, limits::client_check));
  }
  function_(context_);
}

bool WatchedDeadline::client_is_gone() {
  pollfd client{client_.native_handle(), POLLRDHUP, 0};
  if (::poll(&client, 1, 0) <= 0) return false;
  if ((client.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return true;
  if ((client.revents & POLLRDHUP) != 0 && may_probe_) {
    may_probe_ = false;
    static constexpr std::string_view probe = "HTTP/1.1 100 Continue\r\n\r\n";
    const std::array pieces{probe};
    const IoResult wrote = write_now(client_, pieces);
    // Half a probe would garble what follows.
    return !wrote.ok() || (wrote.bytes != 0 && wrote.bytes != probe.size());
  }
  return false;
}

}  // namespace tandem::master
