// request_times.hpp: how long one request may wait for what: the time-outs of its service, all cut
// short by the deadline of the request as a whole. Pure.
#pragma once

#include <algorithm>

#include "common/base/time.hpp"
#include "master/forward/workers/timeouts.hpp"

namespace tandem::master {

class RequestTimes {
 public:
  // `timeouts` outlive it.
  explicit RequestTimes(const ForwardTimeouts& timeouts) : timeouts_(&timeouts) {}

  void adopt(const ForwardTimeouts& timeouts) { timeouts_ = &timeouts; }
  enum class SetBy { client, service };
  // Sets a deadline; the earliest one counts.
  void end_at(Instant end, SetBy set_by) {
    if (end >= end_) return;
    end_ = end;
    set_by_ = set_by;
  }

  // A client that asks whether it is served (PING) is waited with for so long from then on, even
  // beyond the time-outs, unless there is a deadline.
  void wait_for_pinging(Duration patience) { ping_patience_ = patience; }
  // Until when; in the past: its last PING is too old, or nothing is waited for.
  Instant pinging_until(Instant pinged_at) const {
    const bool counts = pinged_at != Instant() && !has_end() && ping_patience_ > Duration::zero();
    return counts ? pinged_at + ping_patience_ : Instant();
  }

  const ForwardTimeouts& timeouts() const { return *timeouts_; }
  Duration body_idle(Instant now) const { return within(timeouts_->body_idle, now); }
  Duration response_head(Instant now) const { return within(timeouts_->response_head, now); }
  Duration within(Duration timeout, Instant now) const {
    return has_end() ? std::min(timeout, left(now)) : timeout;
  }
  bool has_end() const { return end_ != Instant::forever(); }
  bool is_over(Instant now) const { return now >= end_; }
  // The deadline that is over was the client's: that says nothing about the worker.
  bool client_gave_up(Instant now) const { return is_over(now) && set_by_ == SetBy::client; }
  // REQUIRES: has_end()
  Duration left(Instant now) const { return std::max(end_ - now, Duration::zero()); }

 private:
  const ForwardTimeouts* timeouts_;
  Instant end_ = Instant::forever();
  SetBy set_by_ = SetBy::service;
  Duration ping_patience_{};  // zero: its PINGs postpone nothing
};

}  // namespace tandem::master
