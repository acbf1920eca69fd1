#include "master/forward/exchange/exchange.hpp"

#include "common/base/clock.hpp"

namespace tandem::master {

namespace {

// Why a request is sent again after an attempt that ended so.
metrics::RetryReason reason_of(AttemptOutcome outcome) {
  using Reason = metrics::RetryReason;
  switch (outcome) {
    case AttemptOutcome::stale: return Reason::closed;
    case AttemptOutcome::unprocessed:
    case AttemptOutcome::unsupported:
    case AttemptOutcome::head_too_large: return Reason::unprocessed;
    case AttemptOutcome::lost: return Reason::lost;
    case AttemptOutcome::timed_out: return Reason::timeout;
    case AttemptOutcome::bad_response: return Reason::bad_response;
    case AttemptOutcome::retry_status: return Reason::status;
    case AttemptOutcome::gate_closed:
    case AttemptOutcome::term_refused:
    case AttemptOutcome::not_primary:
    case AttemptOutcome::superseded: return Reason::leadership;
    default: return Reason::connect;
  }
}

}  // namespace

Exchange::Exchange(Context& context, MessageStream& client, const Sender& sender, Buffer& in,
                   RequestHead& request)
    : context_(context),
      client_{.stream = client,
              .sender = sender,
              .in = in,
              .request = request,
              .options = &context.options().services.requests,
              .times = RequestTimes(context.timeouts())} {
  deadline_.on_expiry(
      [](void* context) {
        auto& exchange = *static_cast<Exchange*>(context);
        exchange.client_.stream.cancel();
      },
      this);
}

// The phases of a request, in their order.
Task<Ending> Exchange::run() {
  LoopCounters::add(context_.counters().requests, 1);
  // Before all limits: a client that asks often is a load balancer.
  if (asks_for_health()) {
    auto answering = answer_health();
    co_return co_await answering;
  }
  classify();
  if (context_.options().tracer != nullptr) begin_trace();
  // What is refused for its head alone: its body is not read.
  auto refusal = refuse_misdirected();
  if (!refusal) refusal = limit_rate();
  if (const auto plain = answer_to_plain(); !refusal && plain != PlainAnswer::none) {
    auto answering = answer_plain(plain);
    co_return co_await answering;
  }
  if (!refusal) refusal = limit_methods();
  if (!refusal) refusal = limit_size();
  if (refusal) {
    auto answering = answer_unread(*refusal);
    co_return co_await answering;
  }
  // Before the body is gathered, since its service says how long that may take.
  find_route();
  if (const auto refused = demand_certificate()) {
    auto answering = answer_unread(*refused);
    co_return co_await answering;
  }
  set_deadline();
  if (client_.request.framing() != Framing::none) {
    auto gathering = gather_body();
    const auto ended = co_await gathering;
    if (ended) co_return *ended;
  }
  if (client_.request.max_forwards() == 0u) {
    auto answering = answer_as_final_recipient();
    co_return co_await answering;
  }
  if (const auto loop = refuse_loop()) {
    auto answering = answer(*loop);
    co_return co_await answering;
  }
  set_request_id();
  auto forwarding = forward();
  co_await forwarding;
  if (aborted_) co_return Ending::abort;
  if (verdict_.next != Verdict::Next::end) {
    auto answering = answer_failure();
    co_return co_await answering;
  }
  // A streamed body has taken itself out of `in`; a gathered one lies behind the head.
  client_.in.consume(client_.request.head_bytes() + client_.body.size());
  co_return last_.ending;
}

// Chooses where the request goes, asks there, and passes the answer on; repeats that as long as the
// verdict on an attempt says so.
Task<> Exchange::forward() {
  do {
    const auto seen = context_.primary_route().version();
    destination_ = find_destination();
    bool all_full = false;
    if (!choose()) {
      const auto since = now();
      auto choosing = wait_for_choice();
      all_full = co_await choosing;
      note_wait(since);
    }
    if (!chosen_.upstream) {
      last_ = not_chosen(all_full);
    } else if (const auto delay = hedge_delay()) {
      auto asking = ask_two(*delay);
      last_ = co_await asking;
    } else {
      auto asking = ask(chosen_, seen);
      co_await asking;
      auto passing = pass(chosen_);
      last_ = co_await passing;
    }
    if (last_.outcome == AttemptOutcome::answered || aborted_) {
      verdict_ = Verdict();
      co_return;
    }
    verdict_ = judge(last_);
    auto waiting = wait_before_repeating(seen);
    co_await waiting;
  } while (verdict_.next == Verdict::Next::repeat);
}

Verdict Exchange::judge(const AttemptResult& result) {
  auto verdict = history_.judge(result, {.destination = destination_,
                                         .is_repeatable = client_.has_repeatable_method(),
                                         .is_over = client_.times.is_over(now()),
                                         .attempts_max = client_.options->attempts,
                                         .retry_on = client_.options->retry_on});
  if (verdict.costs_retry && !service_->may_retry()) {
    counts().retries_denied.add();
    return {.next = Verdict::Next::fail, .failure = verdict.failure};
  }
  const bool repeats =
      verdict.next == Verdict::Next::repeat || verdict.next == Verdict::Next::await_leadership;
  if (repeats && result.was_chosen) {
    counts().retries[metrics::index_of(reason_of(result.outcome))].add();
  }
  return verdict;
}

std::string_view Exchange::request_id() const {
  // Not client_.request_id: the head may have moved.
  const auto sent = client_.request.request_id();
  return sent.empty() && !client_.request_id.empty()
             ? std::string_view(made_id_.data(), made_id_.size())
             : sent;
}

void Exchange::abort() {
  aborted_ = true;
  chosen_.abort();
  if (second_ != nullptr) second_->abort();
  if (queue_entry_ != nullptr) queue_entry_->give_up();
}

}  // namespace tandem::master
