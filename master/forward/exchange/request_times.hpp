// request_times.hpp: how long one request may wait for what: its service's time-outs, all cut short
// by the end of the time that it has as a whole. Pure.
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
  enum class Said { by_client, by_service };
  // The earliest of those that were said counts.
  void end_at(Instant end, Said said) {
    if (end >= end_) return;
    end_ = end;
    said_ = said;
  }

  const ForwardTimeouts& timeouts() const { return *timeouts_; }
  Duration body_idle(Instant now) const { return within(timeouts_->body_idle, now); }
  Duration response_head(Instant now) const { return within(timeouts_->response_head, now); }
  Duration within(Duration timeout, Instant now) const {
    return has_end() ? std::min(timeout, left(now)) : timeout;
  }
  bool has_end() const { return end_ != Instant::forever(); }
  bool is_over(Instant now) const { return now >= end_; }
  // The client would not wait any longer: that says nothing of the worker.
  bool client_gave_up(Instant now) const { return is_over(now) && said_ == Said::by_client; }
  // REQUIRES: has_end()
  Duration left(Instant now) const { return std::max(end_ - now, Duration::zero()); }

 private:
  const ForwardTimeouts* timeouts_;
  Instant end_ = Instant::forever();
  Said said_ = Said::by_service;
};

}  // namespace tandem::master
