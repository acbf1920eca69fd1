// The part of Exchange that makes one attempt: connects, asks, passes the answer on, and says who
// is to blame when it failed.
#include "common/base/log.hpp"
#include "master/forward/exchange/exchange.hpp"

#include <algorithm>
#include <cerrno>

#include "common/base/clock.hpp"
#include "common/base/own_trouble.hpp"
#include "common/tls/handshake_alert.hpp"
#include "master/forward/exchange/limits.hpp"

namespace tandem::master {

namespace {

// At most once a second on each thread.
void log_shortage(const ErrorCodeOs& error, Instant at) {
  thread_local Instant last = Instant::never();
  if (last != Instant::never() && at - last < 1s) return;
  last = at;
  log::warn("workers cannot be connected to, for want of own resources reason=\"{}\"",
            error.message());
}

// Its clients wait, and nobody else would tell: other messages between masters take another way.
void log_no_way_to(const Upstream& primary, std::string_view reason, Instant at) {
  thread_local Instant last = Instant::never();
  if (last != Instant::never() && at - last < limits::no_way_complaint) return;
  last = at;
  log::warn("requests cannot be passed on to={} address={} reason=\"{}\"", primary.worker().name,
            primary.host_and_port(), reason);
}

// Once for each worker and reason, until the worker accepts it again.
void log_refused_tls(const Upstream& upstream, unsigned alert) {
  const auto known = upstream.counters().tls_alert.exchange(alert, std::memory_order_relaxed);
  if (known == alert) return;
  log::warn("a worker refuses tls with this master worker={} address={} reason=\"{}\"",
            upstream.worker().name, upstream.host_and_port(), tandem::tls::handshake_alert(alert));
}

}  // namespace

// Whose connection a worker is told that it is: the client as far as that is known by an address.
std::string Exchange::announced_client() const {
  AddressText room;
  const auto client = client_address(client_.request, client_.sender, room);
  const bool is_address = Endpoint{std::string(client), 0}.is_numeric();
  return std::string(is_address ? client : client_.sender.address);
}

// Connects to the chosen worker and asks it. Afterwards it has an answer, or has ended without one.
// `seen`: the leadership when it was chosen.
Task<> Exchange::ask(ChosenWorker& chosen, std::uint64_t seen) {
  ++client_.note.attempts;
  client_.note.set_worker(chosen.upstream->worker().name);
  chosen.outcome = AttemptOutcome::not_sent;
  begin_span(chosen.trace);
  // An idle connection may have been closed since the reactor looked; after one that was, the
  // others are looked at.
  WorkerCallPtr call;
  if (chosen.upstream->announces_clients()) [[unlikely]] {
    call = chosen.upstream->take_idle_of(announced_client());
  } else if (!history_.wants_own_connection()) {
    call = chosen.upstream->take_idle(history_.distrusts_idle() ? Upstream::Look::always
                                                                : Upstream::Look::if_in_doubt);
  }
  if (!call) {
    auto connecting = connect_to(chosen);
    call = co_await connecting;
  }
  if (!call) {
    chosen.in_flight.end();
  } else if (destination_ == Destination::primary && context_.primary_route().version() != seen) {
    chosen.in_flight.end();
    context_.services().finish(*service_, std::move(call));
  } else {
    const auto hop = destination_ == Destination::primary ? Hop::primary : Hop::worker;
    chosen.attempt.emplace(context_, client_, *service_, std::move(call), hop, chosen.trace.text());
    auto asking = chosen.attempt->ask();
    chosen.outcome = co_await asking;
    if (chosen.trace.is_on) chosen.trace.answered = now();
  }
  chosen.asked = true;
}

// Null: there is no connection, as chosen.outcome says.
Task<WorkerCallPtr> Exchange::connect_to(ChosenWorker& chosen) {
  auto& upstream = *chosen.upstream;
  const auto sharing =
      history_.wants_own_connection() ? Upstream::Sharing::exclusive : Upstream::Sharing::shared;
  auto fresh = upstream.announces_clients()
                   ? upstream.open_for(announced_client(), context_.worker_io())
                   : upstream.open(context_.worker_io(), sharing);
  if (!fresh) co_return nullptr;  // another loop was quicker: choose again
  std::optional<LeadershipWatch> watch;
  if (destination_ == Destination::primary) {
    watch.emplace(context_.primary_route(), upstream, fresh->stream(),
                  LeadershipWatch::Repeatable::yes);
  }
  chosen.connecting = &fresh->stream();
  const auto& times = client_.times;
  context_.arm(chosen.deadline, times.within(times.timeouts().connect, context_.coarse_now()));
  auto connecting = fresh->connect();
  const IoResult connected = co_await connecting;
  chosen.connecting = nullptr;
  const bool late = chosen.deadline.expired() || connected.error == asio::error::timed_out;
  const auto kind = late ? FailureKind::timed_out : FailureKind::refused;
  const bool cut_short = chosen.deadline.expired() && client_.times.is_over(now());
  chosen.deadline.disarm();
  if (connected.ok()) co_return fresh;
  const bool turned_away = fresh->was_unprocessed();
  const auto alert = fresh->refusing_alert();
  const bool takes_blame = fresh->takes_blame();
  fresh.reset();
  // It lives, but TLS failed. A handshake that takes too long is one of a worker that may hang.
  const bool is_reached = !late && connected.error.value() == EPROTO;
  if (alert != 0) {
    chosen.outcome = AttemptOutcome::tls_refused;
    if (!aborted_ && !chosen.lost_race) note_refused_tls(upstream, alert);
    context_.services().room_made(*service_);
    co_return nullptr;
  }
  if (destination_ == Destination::primary && !aborted_ && !cut_short) {
    log_no_way_to(upstream, connected.error.message(), now());
  }
  if (is_reached && destination_ == Destination::workers && !aborted_ && !chosen.lost_race &&
      !cut_short) {
    count_failure(upstream);
    if (service_->record_result(upstream, Experience::bad)) counts().ejections.add();
  } else if (turned_away && !aborted_ && !chosen.lost_race && !cut_short) {
    chosen.outcome = AttemptOutcome::unprocessed;
    excluded_.add(upstream.worker().id);
    if (takes_blame && service_->record_result(upstream, Experience::bad)) counts().ejections.add();
  } else if (is_own_trouble(connected.error.value())) {
    chosen.outcome = AttemptOutcome::out_of_resources;
    log_shortage(connected.error, now());
    context_.shed_idle(Shed::clients_and_workers);
  } else if (!aborted_ && !chosen.lost_race && !cut_short && destination_ == Destination::workers) {
    count_failure(upstream);
    context_.connection_tests().suspect(upstream, kind);
  }
  context_.services().room_made(*service_);
  co_return nullptr;
}

// Passes the answer on, if there is one, and ends the attempt.
Task<AttemptResult> Exchange::pass(ChosenWorker& chosen) {
  if (!chosen.attempt) {
    end_span(chosen, *chosen.outcome);
    co_return AttemptResult{.outcome = *chosen.outcome, .was_chosen = true};
  }
  auto& attempt = *chosen.attempt;
  if (chosen.has_answer()) {
    client_.note.set_worker(chosen.upstream->worker().name);
    client_.note.passed_on = destination_ == Destination::primary;
    client_.set_cookie = service_->cookie_for(*chosen.upstream, pick_criteria(excluded_));
    auto passing = attempt.pass();
    chosen.outcome = co_await passing;
  }
  if (auto* const stopping = attempt.stop()) {
    auto& stopped = *stopping;
    co_await stopped;
  }
  const auto result = attempt.result(*chosen.outcome);
  end_span(chosen, result.outcome);
  if (result.outcome == AttemptOutcome::term_refused) note_promised_term(result.promised_term);
  chosen.attempt.reset();
  chosen.in_flight.end();
  if (result.outcome != AttemptOutcome::answered && !aborted_) {
    blame(*chosen.upstream, result);
  }
  co_return result;
}

// The attempt ended with `result`: counts that against the worker if it is to blame.
void Exchange::blame(Upstream& upstream, const AttemptResult& result) {
  const auto outcome = result.outcome;
  if (outcome == AttemptOutcome::tls_refused) return note_refused_tls(upstream, result.tls_alert);
  if (destination_ == Destination::primary) return;  // how it is doing is judged elsewhere
  switch (outcome) {
    case AttemptOutcome::stale:
      // An idle connection may be closed at any time, but not one that was looked at just before.
      if (!history_.distrusts_idle()) return;
      [[fallthrough]];
    case AttemptOutcome::not_sent:
    case AttemptOutcome::lost:
      context_.connection_tests().begin(upstream.shared_from_this(),
                                        client_.times.timeouts().connect);
      break;
    case AttemptOutcome::unsupported:
    case AttemptOutcome::head_too_large: history_.blame(outcome); [[fallthrough]];
    case AttemptOutcome::unprocessed:
    case AttemptOutcome::retry_status: excluded_.add(upstream.worker().id); return;
    case AttemptOutcome::timed_out:
      if (client_.times.client_gave_up(now())) return;
      break;
    case AttemptOutcome::bad_response: break;
    default: return;  // the worker is not to blame
  }
  count_failure(upstream);
  history_.blame(outcome == AttemptOutcome::not_sent ? AttemptOutcome::lost : outcome);
}

// It does not change by itself: until one of the two has another certificate, nothing is executed
// there. Its heartbeats tell nothing of it, so the worker stays a suspect for longer each time.
void Exchange::note_refused_tls(Upstream& upstream, unsigned alert) {
  if (destination_ == Destination::primary) {
    return log_no_way_to(upstream, tandem::tls::handshake_alert(alert), now());
  }
  count_failure(upstream);
  if (!history_.has_failure()) history_.blame(AttemptOutcome::tls_refused);
  log_refused_tls(upstream, alert);
  context_.connection_tests().suspect(upstream, FailureKind::tls);
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

}  // namespace tandem::master
