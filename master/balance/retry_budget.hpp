// retry_budget.hpp: limits how many requests of a service may be sent again.
//
// When all workers fail, a gateway that retries each request three times multiplies their load. So
// retries are paid for: each request earns a fifth of a retry (or the share that its service sets),
// which is kept for ten seconds, and three a second are free, so that a quiet service can retry too
// (Finagle's budget). Only requests that a worker may have seen are paid for; after a refused
// connection the retry is free.
//
// Each loop has its own budget for each service, with its part of the free retries. Owner: the
// loop.
#pragma once

#include <algorithm>

#include "common/base/time.hpp"

namespace tandem::master {

class RetryBudget {
 public:
  static constexpr unsigned percent = 20;  // of the requests may be retried
  static constexpr double free_per_second = 3;
  static constexpr Duration kept_for = 10s;

  // `loops`: the number of loops.
  explicit RetryBudget(unsigned loops) : free_per_second_(free_per_second / loops) {}

  // 0: no retries at all, not even free ones.
  void set_percent(unsigned percent) { price_ = percent == 0 ? 0 : 100.0 / percent; }

  // A request has arrived.
  void earn(Instant now) {
    pass(now);
    earned_ += 1;
  }
  // Pays for one more try. False: the budget is used up.
  bool pay(Instant now) {
    if (price_ == 0) return false;
    pass(now);
    if (earned_ >= price_) {
      earned_ -= price_;
      return true;
    }
    if (free_ < 1) return false;
    free_ -= 1;
    return true;
  }
  // How many it would pay for.
  double left(Instant now) {
    if (price_ == 0) return 0;
    pass(now);
    return earned_ / price_ + free_;
  }

 private:
  // Time passes: earned retries expire, and free ones are added, a second's worth at most.
  void pass(Instant now) {
    if (now <= since_) return;
    const auto seconds = std::chrono::duration<double>(now - since_).count();
    const auto kept = std::chrono::duration<double>(kept_for).count();
    earned_ *= std::max(0.0, 1 - seconds / kept);
    free_ = std::min(free_per_second, free_ + seconds * free_per_second_);
    since_ = now;
  }

  const double free_per_second_;
  double price_ = 100.0 / percent;  // the price of a retry, in requests
  double earned_ = 0;               // requests whose credit has not been used
  double free_ = free_per_second;
  Instant since_;
};

}  // namespace tandem::master
