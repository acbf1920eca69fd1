#include "common/client/src/wait.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

namespace tandem::client {

bool Wait::tend_probe(int socket, Instant since, Instant& next) {
  if (probe_after_ == Duration::zero() || waits_on_) return true;
  const Instant heard = std::max(since, waited_.life.last());
  if (!probe_) {
    next = heard + probe_after_;
    if (now() < next) return true;
    probe_.emplace(socket, waited_.master, waited_.tls);
    probed_at_ = now();
  }
  next = probed_at_ + probe_after_;
  auto found = probe_->look();
  if (heard > probed_at_) found = LivenessProbe::Found::alive;  // on another connection
  switch (found) {
    case LivenessProbe::Found::nothing_yet:
      if (now() < next) return true;
      break;
    case LivenessProbe::Found::gone: break;
    case LivenessProbe::Found::alive: was_alive_ = true; [[fallthrough]];
    case LivenessProbe::Found::unasked:
      waited_.life.seen();
      probe_.reset();
      next = now() + probe_after_;
      return true;
  }
  probe_.reset();
  waits_on_ = !gives_up_();
  return waits_on_;
}

Wait::End Wait::wait(int socket, short events, short& came, Instant until) {
  const Instant since = now();
  const Instant end = std::min(deadline_.at(), until);
  for (;;) {
    Instant next = end;
    if (!tend_probe(socket, since, next)) return End::dead;
    const auto left = std::min(end, next) - now();
    if (now() >= end) return End::late;
    std::array<pollfd, 2> watched{pollfd{socket, events, 0}, pollfd{-1, 0, 0}};
    if (probe_) watched[1] = probe_->watched();
    const auto rounded_up = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    const auto wait = std::clamp<std::int64_t>(rounded_up, 0, std::numeric_limits<int>::max());
    const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(wait));
    if (ready < 0 && errno != EINTR) return came = POLLERR, End::ready;
    if (ready > 0 && watched[0].revents != 0) {
      probe_.reset();
      came = watched[0].revents;
      return End::ready;
    }
  }
}

}  // namespace tandem::client
