// The part of Exchange that waits between two attempts.
#include "master/forward/exchange/exchange.hpp"

#include <algorithm>

#include "common/base/clock.hpp"
#include "master/forward/exchange/limits.hpp"
#include "master/forward/exchange/primary_route.hpp"
#include "master/forward/io/pause.hpp"
#include "master/registry/limits.hpp"

namespace tandem::master {

namespace {

// Before another attempt, while this master has no descriptor, port or memory for one.
constexpr auto resources_pause = 20ms;

}  // namespace

// As the verdict says. Afterwards it is to repeat, or final.
Task<> Exchange::wait_before_repeating(std::uint64_t seen) {
  if (verdict_.was_answered) {
    auto pausing = back_off();
    co_await pausing;
  }
  if (verdict_.next == Verdict::Next::await_leadership) {
    auto waiting = await_leadership(seen);
    co_await waiting;
  } else if (verdict_.next == Verdict::Next::await_resources) {
    auto waiting = await_resources();
    co_await waiting;
  }
}

// At random, up to a limit that doubles with each attempt: clients that failed together must not
// come back together ("full jitter", Brooker 2015).
Task<> Exchange::back_off() {
  const auto base = client_.options->retry_backoff;
  if (base <= Duration::zero()) co_return;
  const auto doublings = std::min(history_.attempts_seen() - 1, 16u);
  const auto most = std::min<Duration>(base * (1u << doublings), limits::retry_backoff_max);
  const auto length = client_.times.within(context_.random_up_to(most), context_.coarse_now());
  Pause pause(context_.io(), length);
  co_await pause;
}

// Until a primary is known, or this master may serve. A primary that is known and does not serve is
// asked again after a pause.
Task<> Exchange::await_leadership(std::uint64_t seen) {
  const auto since = now();
  const auto until = history_.wait_until(since, context_.options().takeover_wait);
  verdict_ = {.next = Verdict::Next::fail, .failure = Failure::not_served};
  if (since >= until) co_return;
  const bool asks_again = destination_ == Destination::primary;
  const auto left = until - since;
  PrimaryRoute::Wait wait{.seen = seen, .at_least = term_needed_, .timeout = left};
  if (asks_again) wait.timeout = std::min<Duration>(left, limits::primary_pause);
  const bool may_probe = client_.request.version() >= 11;
  auto waiting = context_.primary_route().wait_for_change(client_.stream, may_probe, wait);
  context_.counters().awaiting_primary.add(1);
  const auto result = co_await waiting;
  context_.counters().awaiting_primary.add(-1);
  const bool is_over = result == PrimaryRoute::WaitResult::timed_out;
  if (result == PrimaryRoute::WaitResult::changed || (is_over && asks_again)) {
    verdict_.next = Verdict::Next::repeat;
  } else if (result == PrimaryRoute::WaitResult::client_gone) {
    verdict_.failure = Failure::broken_off;
  }
}

// Until a connection may have closed, which frees what this master is short of; another worker
// would not help.
Task<> Exchange::await_resources() {
  const auto at = now();
  const auto& times = client_.times;
  if (!resources_until_) resources_until_ = at + times.within(times.timeouts().queue_wait, at);
  if (at >= *resources_until_) {
    verdict_.next = Verdict::Next::fail;
    co_return;
  }
  Pause pause(context_.io(), std::min<Duration>(resources_pause, *resources_until_ - at));
  co_await pause;
  if (client_.stream.is_gone(/*may_probe=*/false)) aborted_ = true;
  verdict_.next = aborted_ ? Verdict::Next::fail : Verdict::Next::repeat;
}

}  // namespace tandem::master
