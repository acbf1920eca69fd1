// The part of Exchange that decides where the request goes, and chooses a worker there.
#include "master/forward/exchange/exchange.hpp"

#include <algorithm>

#include "common/base/clock.hpp"
#include "master/forward/http/request_key.hpp"
#include "master/forward/stream/limits.hpp"

namespace tandem::master {

namespace {

const ExcludedWorkers none_excluded;  // the primary is asked as often as it takes

}  // namespace

// This master may forward to workers now.
bool Exchange::may_serve() const { return context_.primary_route().is_open(now(), term_needed_); }

Destination Exchange::find_destination() const {
  const auto& leadership = context_.primary_route().leadership();
  // A primary goes ahead, and the attempt looks at the gate. Others look first.
  if ((leadership.is_primary && !history_.gate_was_closed()) || may_serve()) {
    return Destination::workers;
  }
  // What a master passed on is never passed on again, and does not wait here: the other one knows
  // better what to do with it.
  if (is_said_to_be_passed_on()) return Destination::none;
  if (leadership.is_primary || !leadership.primary_takes()) return Destination::unknown;
  // Where the primary speaks TLS is not known here: a client that came by it is not sent away.
  const auto traffic = context_.options().standby_traffic;
  const bool forwards =
      traffic == StandbyTraffic::forward || traffic == StandbyTraffic::serve ||
      (traffic == StandbyTraffic::redirect && (client_.sender.https || !leadership.primary_listen));
  return forwards ? Destination::primary : Destination::none;
}

// Chooses a worker, or the primary, if there is one that has room now. False: it may be worth
// waiting.
bool Exchange::choose() {
  chosen_.upstream = nullptr;
  chosen_.asked = false;
  chosen_.lost_race = false;
  const bool to_workers = destination_ == Destination::workers;
  if (!to_workers && destination_ != Destination::primary) return true;
  service_ = to_workers ? own_service() : &context_.primary_route().service();
  const bool strips = to_workers && route_ != nullptr && route_->strip && route_->prefix != "/";
  client_.stripped = strips ? route_->prefix.size() : 0;
  if (service_ == nullptr) return true;
  // Only its connection may have been about to end (GOAWAY).
  const bool may_return = std::exchange(verdict_.was_refused, false) && to_workers;
  if (may_return && !service_->has_admitted(excluded_)) excluded_.clear();
  return !service_->has_waiters() && choose_now();
}

bool Exchange::choose_now() {
  chosen_.upstream = service_->pick(pick_criteria(excluded_));
  if (!chosen_.upstream) return false;
  chosen_.in_flight.begin(*service_, chosen_.upstream);
  if (client_.note.attempts == 0) service_->earn_retries();
  client_.may_try_again =
      client_.is_repeatable() && history_.allows_another(client_.options->attempts);
  return true;
}

// Waits for room if all are full, and for a suspect that may be back in that time if no other
// worker is left; the client is watched meanwhile. Requests are served in the order in which they
// came. True: all were full to the end.
Task<bool> Exchange::wait_for_choice() {
  auto left = client_.times.within(client_.times.timeouts().queue_wait, context_.coarse_now());
  bool all_full = false;
  metrics::QueueStay stay(counts());
  QueueEntry entry;
  while (!aborted_) {
    if (entry.may_choose(*service_) && choose_now()) {
      entry.served();
      stay.ends(metrics::QueueEnd::served);
      co_return false;
    }
    const auto& excluded = destination_ == Destination::primary ? none_excluded : excluded_;
    all_full = service_->is_full(excluded);
    if (!all_full && std::exchange(verdict_.was_answered, false)) {
      // There is no other worker: one that has answered may be asked once more.
      excluded_.clear();
      continue;
    }
    if (!all_full) left = time_left_for_suspects();
    if (left <= Duration::zero()) {
      stay.ends(metrics::QueueEnd::timed_out);
      break;
    }
    if (!entry.has_begun()) {
      if (!entry.begin(*service_)) {
        stay.refused();
        break;
      }
      stay.begin();
      continue;
    }
    context_.services().want_room(*service_);
    const auto since = now();
    queue_entry_ = &entry;
    auto waiting = entry.wait(std::min<Duration>(left, limits::client_check), excluded);
    const auto outcome = co_await waiting;
    queue_entry_ = nullptr;
    left -= std::min(left, now() - since);
    const bool is_over = outcome == Service::QueueResult::timed_out;
    if (outcome == Service::QueueResult::refused || (is_over && left <= Duration::zero())) {
      if (is_over) stay.ends(metrics::QueueEnd::timed_out);
      break;
    }
    // No worker is asked for a client that has given up.
    if (client_.stream.is_gone(is_over && client_.request.version() >= 11)) aborted_ = true;
    // The suspect that has come back may be asked again.
    if (!is_over && !all_full) excluded_.clear();
  }
  co_return all_full;
}

AttemptResult Exchange::not_chosen(bool all_full) const {
  const bool is_closed = destination_ != Destination::primary &&
                         (destination_ != Destination::workers || !may_serve());
  return {.outcome = is_closed ? AttemptOutcome::gate_closed : AttemptOutcome::not_sent,
          .all_full = all_full};
}

// What the service is to choose by.
Service::PickCriteria Exchange::pick_criteria(const ExcludedWorkers& excluded) const {
  if (destination_ == Destination::primary) return {.excluded = none_excluded};
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

// No worker is left. How long a suspect may be waited for: not at all when none can be back by
// then, or when some worker has failed at this request, which is an answer.
Duration Exchange::time_left_for_suspects() {
  if (destination_ != Destination::workers || history_.has_failure()) return Duration::zero();
  const auto at = context_.coarse_now();
  if (!suspects_until_) {
    suspects_until_ = at + client_.times.within(client_.times.timeouts().queue_wait, at);
  }
  return service_->may_return_by(*suspects_until_) ? *suspects_until_ - at : Duration::zero();
}

}  // namespace tandem::master
