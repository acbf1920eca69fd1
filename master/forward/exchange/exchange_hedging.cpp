// The part of Exchange that asks a second worker when the first takes long, and lets the quicker
// one answer (Dean & Barroso, "The Tail at Scale", 2013: hedged requests).
//
// Only requests that may be executed twice are hedged, and each second attempt is paid for from the
// retry budget, so that a slow service is not asked twice as much. From the moment the second is
// sent interim responses are dropped, for two workers must not speak to the client at once.
#include "master/forward/exchange/exchange.hpp"

#include "common/base/clock.hpp"

namespace tandem::master {

namespace {

// Wakes the exchange when one of its attempts has ended, or when it is time for the second.
class Race {
 public:
  explicit Race(Reactor& io) : io_(io) {
    alarm_.on_ring([](void* race) { static_cast<Race*>(race)->ring(); }, this);
  }

  void begin(Duration delay) { io_.set(alarm_, now() + delay); }
  bool has_rung() const { return rung_; }
  void notify() {
    notified_ = true;
    if (waiter_) io_.resume_later(std::exchange(waiter_, nullptr));
  }

  // co_await: until something has happened since the last time.
  bool await_ready() { return std::exchange(notified_, false); }
  void await_suspend(std::coroutine_handle<> waiter) { waiter_ = waiter; }
  void await_resume() { notified_ = false; }

 private:
  void ring() {
    rung_ = true;
    notify();
  }

  Reactor& io_;
  Alarm alarm_;
  std::coroutine_handle<> waiter_;
  bool notified_ = false;
  bool rung_ = false;
};

}  // namespace

// How long the first worker is waited for alone; unset: the request is not hedged.
std::optional<Duration> Exchange::hedge_delay() const {
  const auto& hedge = client_.options->hedge;
  if (!hedge.is_on() || destination_ != Destination::workers || !client_.may_try_again) {
    return std::nullopt;
  }
  if (hedge.when == wire::Hedge::When::after) return hedge.after;
  return service_->usual_latency();
}

// Another worker, if there is one that has room, and the budget allows it.
bool Exchange::choose_second(ChosenWorker& second) {
  if (chosen_.attempt && chosen_.attempt->has_begun_response()) return false;
  auto others = excluded_;
  others.add(chosen_.upstream->worker().id);
  second.upstream = service_->pick(pick_criteria(others));
  if (!second.upstream || second.upstream == chosen_.upstream) return false;
  if (!service_->may_retry()) {
    counts().retries_denied.add();
    return false;
  }
  second.in_flight.begin(*service_, second.upstream);
  return true;
}

// Asks the chosen worker, and a second one if the first has no answer after `delay`. The result is
// that of the worker that answered, or else of the first.
Task<AttemptResult> Exchange::ask_two(Duration delay) {
  Race race(context_.io());
  ChosenWorker second;
  const auto start = [this, &race](ChosenWorker& chosen) -> Detached {
    auto asking = ask(chosen, 0);
    co_await asking;
    race.notify();
  };
  start(chosen_);
  race.begin(delay);
  while (!chosen_.asked && !race.has_rung()) co_await race;
  const bool hedged = !chosen_.asked && choose_second(second);
  if (hedged) {
    const bool by_p95 = client_.options->hedge.when == wire::Hedge::When::p95;
    const auto reason = by_p95 ? metrics::HedgeReason::p95 : metrics::HedgeReason::after;
    counts().hedges[metrics::index_of(reason)].add();
    client_.is_hedged = true;
    second_ = &second;
    start(second);
  }
  while (!chosen_.asked || (hedged && !second.asked)) {
    if (second.has_answer()) chosen_.lose_race();
    if (chosen_.has_answer()) second.lose_race();
    co_await race;
  }
  second_ = nullptr;
  client_.is_hedged = false;
  if (hedged) {
    const bool second_counts = !chosen_.has_answer() && second.has_answer();
    auto& loser = second_counts ? chosen_ : second;
    if (loser.has_answer()) loser.outcome = AttemptOutcome::lost_race;
    auto ending = pass(loser);
    co_await ending;
    if (second.outcome != AttemptOutcome::not_sent) history_.count_second();
    if (second_counts) {
      counts().hedges_won.add();
      auto passing = pass(second);
      const auto result = co_await passing;
      chosen_.upstream = second.upstream;
      co_return result;
    }
  }
  auto passing = pass(chosen_);
  co_return co_await passing;
}

}  // namespace tandem::master
