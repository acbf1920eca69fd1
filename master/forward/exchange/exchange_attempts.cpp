// The part of Exchange that decides where a request goes, and where it may go next.
#include "master/forward/exchange/exchange.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "common/base/clock.hpp"
#include "common/base/own_trouble.hpp"
#include "master/forward/exchange/limits.hpp"
#include "master/forward/io/pause.hpp"
#include "master/forward/http/request_key.hpp"
#include "master/registry/limits.hpp"

namespace tandem::master {

namespace {

const Tried no_worker;  // what the primary is chosen with, as often as it takes

// Before another try, while this master has no descriptor, port or memory for one.
constexpr auto own_trouble_pause = 20ms;

// At most once a second on each context.
void log_own_trouble(const ErrorCodeOs& error, Instant at) {
  thread_local Instant last = Instant::never();
  if (last != Instant::never() && at - last < 1s) return;
  last = at;
  spdlog::warn("workers cannot be connected to, for want of own resources reason=\"{}\"",
               error.message());
}

}  // namespace

// This master may forward to workers now.
bool Exchange::may_serve() const {
  const auto term = context_.options().gate->open_at(now());
  return term && *term >= term_needed_;
}

Exchange::Way Exchange::way() const {
  const auto& leadership = context_.primary_route().leadership();
  // A primary goes ahead, and the attempt looks at the gate. Others look first.
  if ((leadership.is_primary && !gate_was_closed_) || may_serve()) return Way::workers;
  // What a master passed on is never passed on again, and does not wait here: the other one knows
  // better what to do with it.
  if (client_.request.has_pass()) return Way::none;
  if (leadership.is_primary || !leadership.primary_listen) return Way::wait;
  const bool forwards = context_.options().standby_traffic == StandbyTraffic::forward;
  return forwards ? Way::primary : Way::none;
}

Task<Attempt::Outcome> Exchange::serve() {
  for (;;) {
    const auto seen = context_.primary_route().version();
    way_ = way();
    auto last = Attempt::Outcome::gate_closed;
    if (way_ == Way::workers || way_ == Way::primary) {
      auto trying = try_once(seen);
      last = co_await trying;
    }
    if (last == Attempt::Outcome::answered || aborted_) co_return last;
    // Nobody is left to ask: how the last one failed is the answer.
    const bool found_nobody = last == Attempt::Outcome::not_sent && !try_.upstream;
    if (found_nobody && way_ == Way::workers && failed_with_) co_return *failed_with_;
    if (last == Attempt::Outcome::own_trouble) {
      auto outlasting = outlast_own_trouble();
      const bool outlasted = co_await outlasting;
      if (!outlasted) co_return last;
      continue;
    }
    const auto next = what_next(last);
    if (next == Next::stop) co_return last;
    if (was_unwanted_) {
      auto pausing = back_off();
      co_await pausing;
    }
    if (next == Next::again) continue;
    auto waiting = wait_for_primary(seen);
    const auto waited = co_await waiting;
    if (waited == Waited::client_gone) co_return Attempt::Outcome::client_failed;
    if (waited == Waited::in_vain) {
      no_primary_ = true;
      co_return last;
    }
  }
}

// A worker or the primary is chosen, connected to, and tried. not_sent, with nobody chosen: there
// is none.
Task<Attempt::Outcome> Exchange::try_once(std::uint64_t seen) {
  service_ = way_ == Way::primary ? &context_.primary_route().service() : own_service();
  const bool strips = way_ == Way::workers && route_ != nullptr && route_->strip;
  client_.stripped = strips && route_->prefix != "/" ? route_->prefix.size() : 0;
  request_sent_ = false;
  try_.asked = false;
  try_.own_trouble = false;
  try_.upstream = nullptr;
  was_full_ = false;
  if (service_ != nullptr && (service_->has_waiters() || !choose_now())) {
    auto choosing = wait_for_choice();
    co_await choosing;
  }
  if (!try_.upstream) {
    const bool closed = way_ == Way::workers && !may_serve();
    co_return closed ? Attempt::Outcome::gate_closed : Attempt::Outcome::not_sent;
  }
  if (client_.note.attempts == 0) service_->earn_retries();
  client_.may_try_again = client_.is_repeatable() && tries_ + 1 < client_.options->attempts;
  if (const auto delay = hedge_delay()) {
    auto hedging = try_hedged(*delay);
    co_return co_await hedging;
  }
  auto asking = ask(try_, seen);
  co_await asking;
  auto concluding = conclude(try_);
  co_return co_await concluding;
}

// Connects to the chosen one and asks it. Afterwards it has an answer, or has ended without one.
Task<> Exchange::ask(Try& each, std::uint64_t seen) {
  ++client_.note.attempts;
  client_.note.set_worker(each.upstream->worker().name);
  // One may have been closed since the reactor looked; where one was, others may have been.
  auto call = each.upstream->take_idle(distrust_idle_ ? Upstream::Look::always
                                                      : Upstream::Look::if_in_doubt);
  if (!call) {
    auto connecting = connect_to(each);
    call = co_await connecting;
  }
  each.outcome = Attempt::Outcome::not_sent;
  if (!call) {
    if (each.own_trouble) each.outcome = Attempt::Outcome::own_trouble;
    each.placement.end();
  } else if (way_ == Way::primary && context_.primary_route().version() != seen) {
    each.placement.end();
    context_.services().finish(*service_, std::move(call));
  } else {
    const auto hop = way_ == Way::primary ? Hop::primary : Hop::worker;
    each.attempt.emplace(context_, client_, *service_, std::move(call), hop);
    auto asking = each.attempt->ask();
    each.outcome = co_await asking;
  }
  each.asked = true;
}

// Passes the answer on, if there is one, and ends the try.
Task<Attempt::Outcome> Exchange::conclude(Try& each) {
  if (!each.attempt) co_return *each.outcome;
  auto& attempt = *each.attempt;
  if (each.has_answer()) {
    client_.note.set_worker(each.upstream->worker().name);
    client_.set_cookie = service_->cookie_for(*each.upstream, wanted(tried_));
    auto passing = attempt.pass();
    each.outcome = co_await passing;
  }
  if (auto* const stopping = attempt.stop()) {
    auto& stopped = *stopping;
    co_await stopped;
  }
  const auto outcome = *each.outcome;
  ending_ = attempt.ending();
  passed_on_ = attempt.passed_on();
  answer_begun_ = attempt.answer_begun();
  request_sent_ = attempt.request_sent();
  body_spent_ = attempt.body_touched();
  if (outcome == Attempt::Outcome::client_failed) client_status_ = attempt.client_status();
  if (outcome == Attempt::Outcome::term_refused) learn_term(attempt.promised_term());
  each.attempt.reset();
  each.placement.end();
  if (outcome != Attempt::Outcome::answered && !aborted_) note_failure(*each.upstream, outcome);
  co_return outcome;
}

// What the service is to choose by.
Service::Wanted Exchange::wanted(const Tried& tried) const {
  if (way_ == Way::primary) return {.tried = no_worker};
  const auto& options = service_->options();
  Service::Wanted wanted{.tried = tried};
  if (route_ != nullptr && route_->rules.balance) wanted.policy = &*route_->rules.balance;
  const auto& policy = wanted.policy != nullptr ? *wanted.policy : options.policy;
  wanted.key = request_key(policy, client_.request, client_.sender);
  if (options.sticky.is_on()) {
    wanted.cookie = find_cookie(client_.request, options.sticky.name());
  }
  return wanted;
}

// A worker, if one has room now.
bool Exchange::choose_now() {
  try_.upstream = service_->pick(wanted(tried_));
  if (try_.upstream) try_.placement.begin(*service_, try_.upstream);
  return try_.upstream != nullptr;
}

// Waits for room if all are full, and for a suspect that may be back in that time if nobody else is
// there. Who comes new does not overtake who waits.
Task<> Exchange::wait_for_choice() {
  auto left = client_.times.within(client_.times.timeouts().queue_wait, context_.coarse_now());
  Queued queued;
  while (!aborted_) {
    if (queued.may_choose(*service_) && choose_now()) {
      queued.served();
      co_return;
    }
    const auto& tried = way_ == Way::primary ? no_worker : tried_;
    was_full_ = service_->is_full(tried);
    if (!was_full_ && was_unwanted_) {
      // There is no other worker: one that has answered may be asked once more.
      was_unwanted_ = false;
      tried_.clear();
      continue;
    }
    if (!was_full_) left = time_for_return();
    if (left <= Duration::zero()) break;
    if (!queued.has_begun()) {
      if (!queued.begin(*service_)) break;
      continue;
    }
    context_.services().want_room(*service_);
    const auto since = now();
    queued_ = &queued;
    auto waiting = queued.wait(left, tried);
    const auto outcome = co_await waiting;
    queued_ = nullptr;
    left -= std::min(left, now() - since);
    if (outcome != Service::Waited::room) break;
    // Who was refused by the one that has come back may ask it again.
    if (!was_full_) tried_.clear();
  }
}

// Nobody is there. How long a suspect may be waited for: no time at all, when none can be back by
// then, or when some worker has failed at this request, which is an answer.
Duration Exchange::time_for_return() {
  if (way_ != Way::workers || failed_with_) return Duration::zero();
  const auto at = context_.coarse_now();
  if (!return_until_)
    return_until_ = at + client_.times.within(client_.times.timeouts().queue_wait, at);
  return service_->may_return_by(*return_until_) ? *return_until_ - at : Duration::zero();
}

// What this master is short of comes back when a connection closes; asking elsewhere would not
// help. False: it is not asked again.
Task<bool> Exchange::outlast_own_trouble() {
  const auto at = now();
  const auto& times = client_.times;
  if (!trouble_until_) trouble_until_ = at + times.within(times.timeouts().queue_wait, at);
  if (at >= *trouble_until_) co_return false;
  Pause pause(context_.io(), std::min<Duration>(own_trouble_pause, *trouble_until_ - at));
  co_await pause;
  co_return !aborted_;
}

Task<WorkerCallPtr> Exchange::connect_to(Try& each) {
  auto& upstream = *each.upstream;
  auto fresh = upstream.open(context_.worker_io());
  if (!fresh) co_return nullptr;  // another loop was quicker: choose again
  std::optional<Passage> passage;
  if (way_ == Way::primary) {
    passage.emplace(context_.primary_route(), upstream, fresh->stream(), Passage::Repeatable::yes);
  }
  each.connecting = &fresh->stream();
  const auto& times = client_.times;
  context_.arm(each.deadline, times.within(times.timeouts().connect, context_.coarse_now()));
  auto connecting = fresh->connect();
  const IoResult connected = co_await connecting;
  each.connecting = nullptr;
  const auto kind = each.deadline.expired() ? FailureKind::timed_out : FailureKind::refused;
  const bool cut_short = each.deadline.expired() && client_.times.is_over(now());
  each.deadline.disarm();
  if (connected.ok()) {
    co_return fresh;
  }
  fresh.reset();
  each.own_trouble = is_own_trouble(connected.error.value());
  if (each.own_trouble) {
    log_own_trouble(connected.error, now());
    context_.shed_idle(Shed::clients_and_workers);
  } else if (!aborted_ && !each.beaten && !cut_short && way_ == Way::workers) {
    count_failure(upstream);
    context_.connection_tests().suspect(upstream, kind);
  }
  context_.services().room_made(*service_);
  co_return nullptr;
}

void Exchange::note_failure(Upstream& upstream, Attempt::Outcome outcome) {
  if (way_ == Way::primary) return;  // how it is doing is judged elsewhere
  switch (outcome) {
    case Attempt::Outcome::stale:
      // An idle connection may be closed at any time, but not one that was looked at just before.
      if (!distrust_idle_) return;
      [[fallthrough]];
    case Attempt::Outcome::not_sent:
    case Attempt::Outcome::lost:
      context_.connection_tests().begin(upstream.shared_from_this(),
                                        client_.times.timeouts().connect);
      break;
    case Attempt::Outcome::unwanted: tried_.add(upstream.worker().id); return;
    case Attempt::Outcome::timed_out:
      if (client_.times.client_gave_up(now())) return;
      break;
    case Attempt::Outcome::bad_response: break;
    default: return;  // the worker is not to blame
  }
  count_failure(upstream);
  failed_with_ = outcome == Attempt::Outcome::not_sent ? Attempt::Outcome::lost : outcome;
}

void Exchange::count_failure(Upstream& upstream) {
  upstream.counters().failures.fetch_add(1, std::memory_order_relaxed);
  tried_.add(upstream.worker().id);
}

// A worker has promised `promised`, which is higher than the term that it was sent.
void Exchange::learn_term(Term promised) {
  term_needed_ = std::max(term_needed_, promised);
  const auto known = context_.primary_route().leadership().term;
  if (promised > known && !may_serve()) context_.options().report_term(promised);
}

Exchange::Next Exchange::what_next(Attempt::Outcome outcome) {
  auto next = Next::stop;
  was_unwanted_ = false;
  if (client_.times.is_over(now())) return Next::stop;
  switch (way_) {
    case Way::workers: next = after_worker(outcome); break;
    case Way::primary: next = after_primary(outcome); break;
    case Way::wait: return Next::wait;
    case Way::none: return Next::stop;
  }
  if (next != Next::stop && try_.upstream) LoopCounters::add(context_.counters().retries, 1);
  return next;
}

Exchange::Next Exchange::after_worker(Attempt::Outcome outcome) {
  switch (outcome) {
    case Attempt::Outcome::gate_closed: gate_was_closed_ = true; return Next::again;
    case Attempt::Outcome::term_refused:
      gate_was_closed_ = true;  // unless it had just moved: then it is found open
      if (body_spent_ || passed_on_) return Next::stop;
      return ++tries_ < client_.options->attempts ? Next::again : Next::stop;
    case Attempt::Outcome::not_sent: return try_.upstream && !passed_on_ ? Next::again : Next::stop;
    case Attempt::Outcome::unprocessed:
      if (body_spent_ || passed_on_) return Next::stop;
      return ++tries_ < client_.options->attempts ? Next::again : Next::stop;
    case Attempt::Outcome::stale:
    case Attempt::Outcome::lost: return survives_silence(outcome) ? Next::again : Next::stop;
    case Attempt::Outcome::unwanted:
    case Attempt::Outcome::bad_response:
    case Attempt::Outcome::timed_out:
      return may_try_again_after(outcome) ? Next::again : Next::stop;
    default: return Next::stop;
  }
}

// The worker gave an answer that the service does not want, or none: what the client would be told
// then, 502 or 504, counts as its answer.
bool Exchange::may_try_again_after(Attempt::Outcome outcome) {
  ++tries_;
  was_unwanted_ = true;
  if (outcome == Attempt::Outcome::unwanted) return true;  // the attempt has asked for all of it
  const unsigned status = outcome == Attempt::Outcome::timed_out ? 504 : 502;
  return !passed_on_ && client_.is_repeatable() && tries_ < client_.options->attempts &&
         client_.options->retry_on.contains(status) && service_->may_retry();
}

// Between two tries, at random up to what doubles with each: clients that failed together must not
// come back together ("full jitter", Brooker 2015).
Task<> Exchange::back_off() {
  const auto base = client_.options->retry_backoff;
  if (base <= Duration::zero()) co_return;
  const auto most =
      std::min<Duration>(base * (1u << std::min(tries_ - 1, 16u)), limits::retry_backoff_max);
  const auto length = client_.times.within(context_.random_up_to(most), context_.coarse_now());
  Pause pause(context_.io(), length);
  co_await pause;
}

Exchange::Next Exchange::after_primary(Attempt::Outcome outcome) {
  switch (outcome) {
    case Attempt::Outcome::not_sent: return was_full_ && !try_.upstream ? Next::stop : Next::wait;
    case Attempt::Outcome::not_primary: return body_spent_ || passed_on_ ? Next::stop : Next::wait;
    case Attempt::Outcome::stale: {
      const auto next = distrust_idle_ ? Next::wait : Next::again;
      return survives_silence(outcome) ? next : Next::stop;
    }
    case Attempt::Outcome::lost: return survives_silence(outcome) ? Next::wait : Next::stop;
    case Attempt::Outcome::superseded: return survives_silence(outcome) ? Next::again : Next::stop;
    default: return Next::stop;
  }
}

// The connection ended, or was given up, without an answer: may the request be sent again?
bool Exchange::survives_silence(Attempt::Outcome outcome) {
  const bool stale = outcome == Attempt::Outcome::stale;
  // An idle connection may be closed at any time: the first that was does not count.
  if (!stale || distrust_idle_) ++tries_;
  distrust_idle_ = distrust_idle_ || stale;
  if (passed_on_) return false;
  if (!request_sent_) return true;
  wait_until_.reset();
  if (!client_.is_repeatable() || tries_ >= client_.options->attempts) return false;
  // An idle connection that had been closed was no try that a worker has seen.
  if (way_ != Way::workers || (stale && tries_ == 0)) return true;
  return service_->may_retry();
}

// Until a primary is known, or this master may serve. A primary that is known and does not serve is
// asked again after a pause.
Task<Exchange::Waited> Exchange::wait_for_primary(std::uint64_t seen) {
  const auto since = now();
  if (!wait_until_) wait_until_ = since + limits::takeover_wait_max;
  if (since >= *wait_until_) co_return Waited::in_vain;
  const auto left = *wait_until_ - since;
  const bool asks_again = way_ == Way::primary;
  PrimaryRoute::Wait wait{.seen = seen, .at_least = term_needed_, .timeout = left};
  if (asks_again) wait.timeout = std::min<Duration>(left, limits::primary_pause);
  const bool may_probe = client_.request.version() >= 11;
  auto waiting = context_.primary_route().wait_for_change(client_.stream, may_probe, wait);
  const auto waited = co_await waiting;
  switch (waited) {
    case PrimaryRoute::Waited::changed: co_return Waited::over;
    case PrimaryRoute::Waited::timed_out: co_return asks_again ? Waited::over : Waited::in_vain;
    case PrimaryRoute::Waited::client_gone: co_return Waited::client_gone;
    case PrimaryRoute::Waited::refused: break;
  }
  co_return Waited::in_vain;
}

}  // namespace tandem::master
