#include "master/forward/exchange/verdict.hpp"

#include "common/base/assert.hpp"

namespace tandem::master {

namespace {

// A body that is streamed is still here as a whole while its client waits for 100 Continue.
bool is_repeatable(const AttemptResult& result, const AttemptHistory::Request& request) {
  return request.is_repeatable && !result.body_taken;
}

}  // namespace

Failure failure_after(const AttemptResult& result, bool is_over) {
  // After interim responses alone there may still be an answer.
  if (result.answer_begun) return Failure::broken_off;
  switch (result.outcome) {
    case AttemptOutcome::gate_closed:
    case AttemptOutcome::term_refused:
    case AttemptOutcome::not_primary: return Failure::not_served;
    case AttemptOutcome::superseded: return Failure::unknown;
    case AttemptOutcome::client_failed:
      return result.client_status == 0 ? Failure::broken_off : Failure::bad_body;
    default: break;
  }
  if (is_over) return Failure::deadline;
  switch (result.outcome) {
    case AttemptOutcome::not_sent: return result.all_full ? Failure::full : Failure::no_worker;
    case AttemptOutcome::unprocessed: return Failure::unprocessed;
    case AttemptOutcome::tls_refused: return Failure::tls_refused;
    case AttemptOutcome::unsupported: return Failure::unsupported;
    case AttemptOutcome::head_too_large: return Failure::head_too_large;
    case AttemptOutcome::out_of_resources: return Failure::no_resources;
    case AttemptOutcome::timed_out: return Failure::timed_out;
    case AttemptOutcome::bad_response: return Failure::bad_response;
    default: return Failure::no_response;
  }
}

Verdict AttemptHistory::judge(const AttemptResult& result, const Request& request) {
  TANDEM_ASSERT(result.outcome != AttemptOutcome::answered);
  auto decisive = result;
  Verdict verdict{.next = Next::fail};
  const bool found_none =
      result.outcome == AttemptOutcome::not_sent && !result.was_chosen && last_failure_;
  if (found_none && request.destination == Destination::workers) {
    // No worker is left to ask: how the last one failed is the answer.
    decisive.outcome = *last_failure_;
  } else if (result.outcome == AttemptOutcome::out_of_resources) {
    verdict.next = Next::await_resources;
  } else if (!request.is_over) {
    switch (request.destination) {
      case Destination::workers: verdict = after_worker(result, request); break;
      case Destination::primary: verdict = after_primary(result, request); break;
      case Destination::unknown: verdict.next = Next::await_leadership; break;
      case Destination::none: break;
    }
  }
  verdict.failure = failure_after(decisive, request.is_over);
  // What one worker has refused another may have executed before.
  if (verdict.failure == Failure::tls_refused && (attempts_seen_ > 0 || distrusts_idle_)) {
    verdict.failure = Failure::no_response;
  }
  return verdict;
}

Verdict AttemptHistory::after_worker(const AttemptResult& result, const Request& request) {
  switch (result.outcome) {
    case AttemptOutcome::gate_closed: gate_was_closed_ = true; return {.next = Next::repeat};
    case AttemptOutcome::not_sent:
      return {.next = result.was_chosen && !result.response_begun ? Next::repeat : Next::fail};
    case AttemptOutcome::term_refused:
      gate_was_closed_ = true;  // unless it had just moved: then it is found open
      return after_refusal(result, request);
    case AttemptOutcome::unprocessed: return after_refusal(result, request);
    case AttemptOutcome::tls_refused: {
      const bool is_spent = result.body_taken || result.response_begun;
      return {.next = is_spent ? Next::fail : Next::repeat};
    }
    case AttemptOutcome::unsupported:
    case AttemptOutcome::head_too_large: return {.next = Next::repeat};
    case AttemptOutcome::stale:
    case AttemptOutcome::lost: return after_silence(result, request, Next::repeat);
    case AttemptOutcome::retry_status:
    case AttemptOutcome::bad_response:
    case AttemptOutcome::timed_out: return after_bad_answer(result, request);
    default: return {.next = Next::fail};
  }
}

Verdict AttemptHistory::after_primary(const AttemptResult& result, const Request& request) {
  switch (result.outcome) {
    case AttemptOutcome::not_sent:
      return {.next = result.all_full ? Next::fail : Next::await_leadership};
    case AttemptOutcome::tls_refused:
    case AttemptOutcome::not_primary: {
      const bool is_spent = result.body_taken || result.response_begun;
      return {.next = is_spent ? Next::fail : Next::await_leadership};
    }
    // A first closed idle connection says nothing of the primary.
    case AttemptOutcome::stale:
      return after_silence(result, request,
                           distrusts_idle_ ? Next::await_leadership : Next::repeat);
    case AttemptOutcome::lost: return after_silence(result, request, Next::await_leadership);
    case AttemptOutcome::superseded: return after_silence(result, request, Next::repeat);
    default: return {.next = Next::fail};
  }
}

// The worker says that it executed nothing.
Verdict AttemptHistory::after_refusal(const AttemptResult& result, const Request& request) {
  if (result.body_taken || result.response_begun) return {.next = Next::fail};
  return {.next = ++attempts_seen_ < request.attempts_max ? Next::repeat : Next::fail,
          .was_refused = result.outcome == AttemptOutcome::unprocessed};
}

// The connection ended, or was given up, without an answer. `next`: what follows if the request may
// be repeated.
Verdict AttemptHistory::after_silence(const AttemptResult& result, const Request& request,
                                      Next next) {
  const bool is_stale = result.outcome == AttemptOutcome::stale;
  // An idle connection may be closed at any time: the first that was does not count.
  const bool counts = !is_stale || distrusts_idle_;
  if (counts) ++attempts_seen_;
  if (is_stale) distrusts_idle_ = true;
  if (result.response_begun) return {.next = Next::fail};
  if (!result.request_sent) return {.next = next};
  wait_until_.reset();
  if (!is_repeatable(result, request) || attempts_seen_ >= request.attempts_max) {
    return {.next = Next::fail};
  }
  // No worker has seen what was sent over an idle connection that had been closed.
  const bool was_seen = !is_stale || attempts_seen_ > 0;
  wants_own_connection_ = wants_own_connection_ || result.lost_shared;
  return {.next = next,
          .was_answered = result.lost_shared,
          .costs_retry = request.destination == Destination::workers && was_seen};
}

// The worker gave an answer with a status of retry_on, or none: what the client would be told then,
// 502 or 504, counts as its answer.
Verdict AttemptHistory::after_bad_answer(const AttemptResult& result, const Request& request) {
  ++attempts_seen_;
  // The attempt has asked for all of the following.
  const bool is_settled = result.outcome == AttemptOutcome::retry_status;
  if (is_settled) return {.next = Next::repeat, .was_answered = true};
  const unsigned status = result.outcome == AttemptOutcome::timed_out ? 504 : 502;
  const bool may_repeat = !result.response_begun && is_repeatable(result, request) &&
                          attempts_seen_ < request.attempts_max &&
                          request.retry_on.contains(status);
  if (!may_repeat) return {.next = Next::fail};
  return {.next = Next::repeat, .was_answered = true, .costs_retry = true};
}

Instant AttemptHistory::wait_until(Instant now, Duration length) {
  if (!wait_until_) wait_until_ = now + length;
  return *wait_until_;
}

}  // namespace tandem::master
