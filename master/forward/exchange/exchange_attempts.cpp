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

const ExcludedWorkers no_worker;  // what the primary is chosen with, as often as it takes

// Before another attempt, while this master has no descriptor, port or memory for one.
constexpr auto resources_pause = 20ms;

// At most once a second on each thread.
void log_shortage(const ErrorCodeOs& error, Instant at) {
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

Exchange::Destination Exchange::find_destination() const {
  const auto& leadership = context_.primary_route().leadership();
  // A primary goes ahead, and the attempt looks at the gate. Others look first.
  if ((leadership.is_primary && !gate_was_closed_) || may_serve()) return Destination::workers;
  // What a master passed on is never passed on again, and does not wait here: the other one knows
  // better what to do with it.
  if (client_.request.has_pass()) return Destination::none;
  if (leadership.is_primary || !leadership.primary_listen) return Destination::unknown;
  const bool forwards = context_.options().standby_traffic == StandbyTraffic::forward;
  return forwards ? Destination::primary : Destination::none;
}

Task<Attempt::Outcome> Exchange::serve() {
  for (;;) {
    const auto seen = context_.primary_route().version();
    destination_ = find_destination();
    auto last = Attempt::Outcome::gate_closed;
    if (destination_ == Destination::workers || destination_ == Destination::primary) {
      auto trying = attempt_once(seen);
      last = co_await trying;
    }
    if (last == Attempt::Outcome::answered || aborted_) co_return last;
    // No worker is left to ask: how the last one failed is the answer.
    const bool found_nobody = last == Attempt::Outcome::not_sent && !chosen_.upstream;
    if (found_nobody && destination_ == Destination::workers && failed_with_)
      co_return *failed_with_;
    if (last == Attempt::Outcome::out_of_resources) {
      auto waiting = await_resources();
      const bool waited = co_await waiting;
      if (!waited) co_return last;
      continue;
    }
    const auto next = what_next(last);
    if (next == Next::stop) co_return last;
    if (may_ask_again_) {
      auto pausing = back_off();
      co_await pausing;
    }
    if (next == Next::again) continue;
    auto waiting = wait_for_primary(seen);
    const auto waited = co_await waiting;
    if (waited == WaitResult::client_gone) co_return Attempt::Outcome::client_failed;
    if (waited == WaitResult::in_vain) {
      no_primary_ = true;
      co_return last;
    }
  }
}

// A worker or the primary is chosen, connected to, and tried. not_sent, with nobody chosen: there
// is none.
Task<Attempt::Outcome> Exchange::attempt_once(std::uint64_t seen) {
  service_ =
      destination_ == Destination::primary ? &context_.primary_route().service() : own_service();
  const bool strips = destination_ == Destination::workers && route_ != nullptr && route_->strip;
  client_.stripped = strips && route_->prefix != "/" ? route_->prefix.size() : 0;
  request_sent_ = false;
  chosen_.asked = false;
  chosen_.out_of_resources = false;
  chosen_.upstream = nullptr;
  was_full_ = false;
  if (service_ != nullptr && (service_->has_waiters() || !choose_now())) {
    auto choosing = wait_for_choice();
    co_await choosing;
  }
  if (!chosen_.upstream) {
    const bool closed = destination_ == Destination::workers && !may_serve();
    co_return closed ? Attempt::Outcome::gate_closed : Attempt::Outcome::not_sent;
  }
  if (client_.note.attempts == 0) service_->earn_retries();
  client_.may_try_again =
      client_.is_repeatable() && attempts_counted_ + 1 < client_.options->attempts;
  if (const auto delay = hedge_delay()) {
    auto hedging = attempt_hedged(*delay);
    co_return co_await hedging;
  }
  auto asking = ask(chosen_, seen);
  co_await asking;
  auto concluding = conclude(chosen_);
  co_return co_await concluding;
}

// Connects to the chosen worker and asks it. Afterwards it has an answer, or has ended without one.
Task<> Exchange::ask(ChosenWorker& each, std::uint64_t seen) {
  ++client_.note.attempts;
  client_.note.set_worker(each.upstream->worker().name);
  // An idle connection may have been closed since the reactor looked; after one that was, the
  // others are looked at.
  auto call = each.upstream->take_idle(distrust_idle_ ? Upstream::Look::always
                                                      : Upstream::Look::if_in_doubt);
  if (!call) {
    auto connecting = connect_to(each);
    call = co_await connecting;
  }
  each.outcome = Attempt::Outcome::not_sent;
  if (!call) {
    if (each.out_of_resources) each.outcome = Attempt::Outcome::out_of_resources;
    each.in_flight.end();
  } else if (destination_ == Destination::primary && context_.primary_route().version() != seen) {
    each.in_flight.end();
    context_.services().finish(*service_, std::move(call));
  } else {
    const auto hop = destination_ == Destination::primary ? Hop::primary : Hop::worker;
    each.attempt.emplace(context_, client_, *service_, std::move(call), hop);
    auto asking = each.attempt->ask();
    each.outcome = co_await asking;
  }
  each.asked = true;
}

// Passes the answer on, if there is one, and ends the attempt.
Task<Attempt::Outcome> Exchange::conclude(ChosenWorker& each) {
  if (!each.attempt) co_return *each.outcome;
  auto& attempt = *each.attempt;
  if (each.has_answer()) {
    client_.note.set_worker(each.upstream->worker().name);
    client_.set_cookie = service_->cookie_for(*each.upstream, pick_criteria(excluded_));
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
  if (outcome == Attempt::Outcome::term_refused) note_promised_term(attempt.promised_term());
  each.attempt.reset();
  each.in_flight.end();
  if (outcome != Attempt::Outcome::answered && !aborted_) note_failure(*each.upstream, outcome);
  co_return outcome;
}

// What the service is to choose by.
Service::PickCriteria Exchange::pick_criteria(const ExcludedWorkers& excluded) const {
  if (destination_ == Destination::primary) return {.excluded = no_worker};
  const auto& options = service_->options();
  Service::PickCriteria criteria{.excluded = excluded};
  if (route_ != nullptr && route_->rules.balance) criteria.policy = &*route_->rules.balance;
  const auto& policy = criteria.policy != nullptr ? *criteria.policy : options.policy;
  criteria.key = request_key(policy, client_.request, client_.sender);
  if (options.sticky.is_on()) {
    criteria.cookie = find_cookie(client_.request, options.sticky.name());
  }
  return criteria;
}

// A worker, if one has room now.
bool Exchange::choose_now() {
  chosen_.upstream = service_->pick(pick_criteria(excluded_));
  if (chosen_.upstream) chosen_.in_flight.begin(*service_, chosen_.upstream);
  return chosen_.upstream != nullptr;
}

// Waits for room if all are full, and for a suspect that may be back in that time if nobody else is
// there. Who comes new does not overtake who waits.
Task<> Exchange::wait_for_choice() {
  auto left = client_.times.within(client_.times.timeouts().queue_wait, context_.coarse_now());
  QueueEntry entry;
  while (!aborted_) {
    if (entry.may_choose(*service_) && choose_now()) {
      entry.served();
      co_return;
    }
    const auto& excluded = destination_ == Destination::primary ? no_worker : excluded_;
    was_full_ = service_->is_full(excluded);
    if (!was_full_ && may_ask_again_) {
      // There is no other worker: one that has answered may be asked once more.
      may_ask_again_ = false;
      excluded_.clear();
      continue;
    }
    if (!was_full_) left = time_left_for_suspects();
    if (left <= Duration::zero()) break;
    if (!entry.has_begun()) {
      if (!entry.begin(*service_)) break;
      continue;
    }
    context_.services().want_room(*service_);
    const auto since = now();
    queue_entry_ = &entry;
    auto waiting = entry.wait(left, excluded);
    const auto outcome = co_await waiting;
    queue_entry_ = nullptr;
    left -= std::min(left, now() - since);
    if (outcome != Service::QueueResult::room) break;
    // The suspect that has come back may be asked again.
    if (!was_full_) excluded_.clear();
  }
}

// No worker is left. How long a suspect may be waited for: not at all when none can be back by
// then, or when some worker has failed at this request, which is an answer.
Duration Exchange::time_left_for_suspects() {
  if (destination_ != Destination::workers || failed_with_) return Duration::zero();
  const auto at = context_.coarse_now();
  if (!suspects_until_)
    suspects_until_ = at + client_.times.within(client_.times.timeouts().queue_wait, at);
  return service_->may_return_by(*suspects_until_) ? *suspects_until_ - at : Duration::zero();
}

// Waits until a connection may have closed, which frees what this master is short of; another
// worker would not help. False: it has waited long enough.
Task<bool> Exchange::await_resources() {
  const auto at = now();
  const auto& times = client_.times;
  if (!resources_until_) resources_until_ = at + times.within(times.timeouts().queue_wait, at);
  if (at >= *resources_until_) co_return false;
  Pause pause(context_.io(), std::min<Duration>(resources_pause, *resources_until_ - at));
  co_await pause;
  co_return !aborted_;
}

Task<WorkerCallPtr> Exchange::connect_to(ChosenWorker& each) {
  auto& upstream = *each.upstream;
  auto fresh = upstream.open(context_.worker_io());
  if (!fresh) co_return nullptr;  // another loop was quicker: choose again
  std::optional<LeadershipWatch> watch;
  if (destination_ == Destination::primary) {
    watch.emplace(context_.primary_route(), upstream, fresh->stream(),
                  LeadershipWatch::Repeatable::yes);
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
  each.out_of_resources = is_own_trouble(connected.error.value());
  if (each.out_of_resources) {
    log_shortage(connected.error, now());
    context_.shed_idle(Shed::clients_and_workers);
  } else if (!aborted_ && !each.lost_race && !cut_short && destination_ == Destination::workers) {
    count_failure(upstream);
    context_.connection_tests().suspect(upstream, kind);
  }
  context_.services().room_made(*service_);
  co_return nullptr;
}

void Exchange::note_failure(Upstream& upstream, Attempt::Outcome outcome) {
  if (destination_ == Destination::primary) return;  // how it is doing is judged elsewhere
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
    case Attempt::Outcome::retry_status: excluded_.add(upstream.worker().id); return;
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
  excluded_.add(upstream.worker().id);
}

// A worker has promised `promised`, which is higher than the term that it was sent.
void Exchange::note_promised_term(Term promised) {
  term_needed_ = std::max(term_needed_, promised);
  const auto known = context_.primary_route().leadership().term;
  if (promised > known && !may_serve()) context_.options().report_term(promised);
}

Exchange::Next Exchange::what_next(Attempt::Outcome outcome) {
  auto next = Next::stop;
  may_ask_again_ = false;
  if (client_.times.is_over(now())) return Next::stop;
  switch (destination_) {
    case Destination::workers: next = after_worker(outcome); break;
    case Destination::primary: next = after_primary(outcome); break;
    case Destination::unknown: return Next::wait;
    case Destination::none: return Next::stop;
  }
  if (next != Next::stop && chosen_.upstream) LoopCounters::add(context_.counters().retries, 1);
  return next;
}

Exchange::Next Exchange::after_worker(Attempt::Outcome outcome) {
  switch (outcome) {
    case Attempt::Outcome::gate_closed: gate_was_closed_ = true; return Next::again;
    case Attempt::Outcome::term_refused:
      gate_was_closed_ = true;  // unless it had just moved: then it is found open
      if (body_spent_ || passed_on_) return Next::stop;
      return ++attempts_counted_ < client_.options->attempts ? Next::again : Next::stop;
    case Attempt::Outcome::not_sent:
      return chosen_.upstream && !passed_on_ ? Next::again : Next::stop;
    case Attempt::Outcome::unprocessed:
      if (body_spent_ || passed_on_) return Next::stop;
      return ++attempts_counted_ < client_.options->attempts ? Next::again : Next::stop;
    case Attempt::Outcome::stale:
    case Attempt::Outcome::lost: return may_resend(outcome) ? Next::again : Next::stop;
    case Attempt::Outcome::retry_status:
    case Attempt::Outcome::bad_response:
    case Attempt::Outcome::timed_out:
      return may_try_again_after(outcome) ? Next::again : Next::stop;
    default: return Next::stop;
  }
}

// The worker gave an answer that the service does not want, or none: what the client would be told
// then, 502 or 504, counts as its answer.
bool Exchange::may_try_again_after(Attempt::Outcome outcome) {
  ++attempts_counted_;
  may_ask_again_ = true;
  if (outcome == Attempt::Outcome::retry_status)
    return true;  // the attempt has asked for all of it
  const unsigned status = outcome == Attempt::Outcome::timed_out ? 504 : 502;
  return !passed_on_ && client_.is_repeatable() && attempts_counted_ < client_.options->attempts &&
         client_.options->retry_on.contains(status) && service_->may_retry();
}

// Between two attempts, at random up to a limit that doubles with each: clients that failed
// together must not come back together ("full jitter", Brooker 2015).
Task<> Exchange::back_off() {
  const auto base = client_.options->retry_backoff;
  if (base <= Duration::zero()) co_return;
  const auto most = std::min<Duration>(base * (1u << std::min(attempts_counted_ - 1, 16u)),
                                       limits::retry_backoff_max);
  const auto length = client_.times.within(context_.random_up_to(most), context_.coarse_now());
  Pause pause(context_.io(), length);
  co_await pause;
}

Exchange::Next Exchange::after_primary(Attempt::Outcome outcome) {
  switch (outcome) {
    case Attempt::Outcome::not_sent:
      return was_full_ && !chosen_.upstream ? Next::stop : Next::wait;
    case Attempt::Outcome::not_primary: return body_spent_ || passed_on_ ? Next::stop : Next::wait;
    case Attempt::Outcome::stale: {
      const auto next = distrust_idle_ ? Next::wait : Next::again;
      return may_resend(outcome) ? next : Next::stop;
    }
    case Attempt::Outcome::lost: return may_resend(outcome) ? Next::wait : Next::stop;
    case Attempt::Outcome::superseded: return may_resend(outcome) ? Next::again : Next::stop;
    default: return Next::stop;
  }
}

// The connection ended, or was given up, without an answer: may the request be sent again?
bool Exchange::may_resend(Attempt::Outcome outcome) {
  const bool stale = outcome == Attempt::Outcome::stale;
  // An idle connection may be closed at any time: the first that was does not count.
  if (!stale || distrust_idle_) ++attempts_counted_;
  distrust_idle_ = distrust_idle_ || stale;
  if (passed_on_) return false;
  if (!request_sent_) return true;
  wait_until_.reset();
  if (!client_.is_repeatable() || attempts_counted_ >= client_.options->attempts) return false;
  // No worker has seen what was sent over an idle connection that had been closed.
  if (destination_ != Destination::workers || (stale && attempts_counted_ == 0)) return true;
  return service_->may_retry();
}

// Until a primary is known, or this master may serve. A primary that is known and does not serve is
// asked again after a pause.
Task<Exchange::WaitResult> Exchange::wait_for_primary(std::uint64_t seen) {
  const auto since = now();
  if (!wait_until_) wait_until_ = since + limits::takeover_wait_max;
  if (since >= *wait_until_) co_return WaitResult::in_vain;
  const auto left = *wait_until_ - since;
  const bool asks_again = destination_ == Destination::primary;
  PrimaryRoute::Wait wait{.seen = seen, .at_least = term_needed_, .timeout = left};
  if (asks_again) wait.timeout = std::min<Duration>(left, limits::primary_pause);
  const bool may_probe = client_.request.version() >= 11;
  auto waiting = context_.primary_route().wait_for_change(client_.stream, may_probe, wait);
  const auto waited = co_await waiting;
  switch (waited) {
    case PrimaryRoute::WaitResult::changed: co_return WaitResult::over;
    case PrimaryRoute::WaitResult::timed_out:
      co_return asks_again ? WaitResult::over : WaitResult::in_vain;
    case PrimaryRoute::WaitResult::client_gone: co_return WaitResult::client_gone;
    case PrimaryRoute::WaitResult::refused: break;
  }
  co_return WaitResult::in_vain;
}

}  // namespace tandem::master
