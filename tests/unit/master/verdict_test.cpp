// What follows from how an attempt ended: the rules by which a request is sent again, or not.
#include <catch2/catch.hpp>

#include "master/forward/exchange/verdict.hpp"

namespace tandem::master::verdict_test {

using namespace std::chrono_literals;

namespace {

using Next = Verdict::Next;
using Outcome = AttemptOutcome;

const wire::StatusSet no_status;

wire::StatusSet statuses(std::initializer_list<unsigned> list) {
  wire::StatusSet set;
  for (const auto status : list) set.add(status);
  return set;
}

// An idempotent request, of which a worker may see three attempts.
AttemptHistory::Request get(const wire::StatusSet& retry_on = no_status) {
  return {.destination = Destination::workers,
          .is_repeatable = true,
          .is_over = false,
          .attempts_max = 3,
          .retry_on = retry_on};
}

AttemptHistory::Request post(const wire::StatusSet& retry_on = no_status) {
  auto request = get(retry_on);
  request.is_repeatable = false;
  return request;
}

AttemptHistory::Request passed_on() {
  auto request = get();
  request.destination = Destination::primary;
  return request;
}

AttemptResult ended(Outcome outcome) { return {.outcome = outcome, .was_chosen = true}; }

AttemptResult ended_after_sending(Outcome outcome) {
  auto result = ended(outcome);
  result.request_sent = true;
  return result;
}

}  // namespace

TEST_CASE("a request whose head no worker takes is refused for that, once all were asked") {
  AttemptHistory history;
  auto verdict = history.judge(ended(Outcome::head_too_large), post());
  CHECK(verdict.next == Next::repeat);
  CHECK_FALSE(verdict.costs_retry);
  history.blame(Outcome::head_too_large);
  // Nobody is left to ask.
  verdict = history.judge(AttemptResult{.outcome = Outcome::not_sent}, post());
  CHECK(verdict.next == Next::fail);
  CHECK(verdict.failure == Failure::head_too_large);
}

TEST_CASE("a request whose deadline is over is not refused for the size of its head") {
  auto result = ended(Outcome::head_too_large);
  CHECK(failure_after(result, false) == Failure::head_too_large);
  CHECK(failure_after(result, true) == Failure::deadline);
  result.answer_begun = true;
  CHECK(failure_after(result, false) == Failure::broken_off);
}

TEST_CASE("a request of which nothing was sent is sent to another worker, whatever its method") {
  for (const auto outcome : {Outcome::not_sent, Outcome::stale, Outcome::gate_closed}) {
    AttemptHistory history;
    const auto verdict = history.judge(ended(outcome), post());
    CHECK(verdict.next == Next::repeat);
    CHECK_FALSE(verdict.costs_retry);
  }
}

TEST_CASE("a request is sent elsewhere when the worker refuses TLS, whatever its method") {
  AttemptHistory history;
  const auto verdict = history.judge(ended_after_sending(Outcome::tls_refused), post());
  CHECK(verdict.next == Next::repeat);
  CHECK_FALSE(verdict.costs_retry);
  CHECK(verdict.failure == Failure::tls_refused);
  // What was taken of a streamed body is gone.
  auto spent = ended_after_sending(Outcome::tls_refused);
  spent.body_taken = true;
  const auto last = AttemptHistory().judge(spent, post());
  CHECK(last.next == Next::fail);
  CHECK(last.failure == Failure::tls_refused);
}

TEST_CASE("a refusal of TLS does not say that nothing was executed where another worker may have") {
  for (const auto outcome : {Outcome::lost, Outcome::stale, Outcome::timed_out}) {
    AttemptHistory history;
    history.judge(ended_after_sending(outcome), get());
    const auto verdict = history.judge(ended_after_sending(Outcome::tls_refused), get());
    CHECK(verdict.failure == Failure::no_response);
  }
  AttemptHistory refused_first;
  refused_first.blame(Outcome::tls_refused);
  refused_first.judge(ended_after_sending(Outcome::tls_refused), get());
  CHECK(refused_first.judge({}, get()).failure == Failure::tls_refused);
}

TEST_CASE("a request that a worker may have seen is sent again only if it is idempotent") {
  AttemptHistory history;
  const auto idempotent = history.judge(ended_after_sending(Outcome::lost), get());
  CHECK(idempotent.next == Next::repeat);
  CHECK(idempotent.costs_retry);
  AttemptHistory other;
  const auto once = other.judge(ended_after_sending(Outcome::lost), post());
  CHECK(once.next == Next::fail);
  CHECK(once.failure == Failure::no_response);
}

TEST_CASE(
    "a request whose streamed body was not begun is sent again, one of which some was is not") {
  for (const auto outcome : {Outcome::lost, Outcome::stale, Outcome::timed_out}) {
    auto result = ended_after_sending(outcome);
    CHECK(AttemptHistory().judge(result, get(statuses({504}))).next == Next::repeat);
    result.body_taken = true;
    CHECK(AttemptHistory().judge(result, get(statuses({504}))).next == Next::fail);
  }
}

TEST_CASE("workers see as many attempts as are allowed, and no more") {
  AttemptHistory history;
  CHECK(history.judge(ended_after_sending(Outcome::lost), get()).next == Next::repeat);
  CHECK(history.judge(ended_after_sending(Outcome::lost), get()).next == Next::repeat);
  CHECK_FALSE(history.allows_another(3));
  CHECK(history.judge(ended_after_sending(Outcome::lost), get()).next == Next::fail);
}

TEST_CASE("the first idle connection that was closed counts as no attempt, the second does") {
  AttemptHistory history;
  const auto first = history.judge(ended_after_sending(Outcome::stale), get());
  CHECK(first.next == Next::repeat);
  CHECK_FALSE(first.costs_retry);
  CHECK(history.attempts_seen() == 0);
  CHECK(history.distrusts_idle());
  const auto second = history.judge(ended_after_sending(Outcome::stale), get());
  CHECK(second.costs_retry);
  CHECK(history.attempts_seen() == 1);
}

TEST_CASE("after an interim response no other worker is asked, and the failure is answered") {
  for (const auto outcome : {Outcome::lost, Outcome::stale, Outcome::unprocessed,
                             Outcome::term_refused, Outcome::timed_out, Outcome::bad_response}) {
    AttemptHistory history;
    auto result = ended_after_sending(outcome);
    result.response_begun = true;
    const auto verdict = history.judge(result, get(statuses({502, 504})));
    CHECK(verdict.next == Next::fail);
    CHECK(verdict.failure != Failure::broken_off);
  }
}

TEST_CASE("after a part of the answer the client's connection is broken off") {
  AttemptHistory history;
  auto result = ended_after_sending(Outcome::lost);
  result.response_begun = result.answer_begun = true;
  const auto verdict = history.judge(result, get());
  CHECK(verdict.next == Next::fail);
  CHECK(verdict.failure == Failure::broken_off);
}

TEST_CASE("a time-out is tried again when 504 is in retry_on, bad HTTP when 502 is") {
  const auto timeouts = statuses({504});
  const auto bad = statuses({502});
  AttemptHistory history;
  const auto verdict = history.judge(ended_after_sending(Outcome::timed_out), get(timeouts));
  CHECK(verdict.next == Next::repeat);
  CHECK(verdict.was_answered);
  CHECK(verdict.costs_retry);
  CHECK(AttemptHistory().judge(ended_after_sending(Outcome::timed_out), get(bad)).failure ==
        Failure::timed_out);
  CHECK(AttemptHistory().judge(ended_after_sending(Outcome::bad_response), get(bad)).next ==
        Next::repeat);
  CHECK(AttemptHistory().judge(ended_after_sending(Outcome::bad_response), post(bad)).next ==
        Next::fail);
}

TEST_CASE("a refusal executed nothing: also a POST goes elsewhere while its body is here") {
  for (const auto outcome : {Outcome::unprocessed, Outcome::term_refused}) {
    AttemptHistory history;
    auto result = ended_after_sending(outcome);
    const auto verdict = history.judge(result, post());
    CHECK(verdict.next == Next::repeat);
    CHECK(verdict.was_refused == (outcome == Outcome::unprocessed));
    result.body_taken = true;
    CHECK(history.judge(result, post()).next == Next::fail);
  }
}

TEST_CASE("when no worker is left, how the last one failed is the answer") {
  AttemptHistory history;
  CHECK(history.judge(ended_after_sending(Outcome::lost), get()).next == Next::repeat);
  history.blame(Outcome::lost);
  const auto verdict = history.judge(AttemptResult(), get());
  CHECK(verdict.next == Next::fail);
  CHECK(verdict.failure == Failure::no_response);
  CHECK(AttemptHistory().judge(AttemptResult(), get()).failure == Failure::no_worker);
  CHECK(AttemptHistory().judge({.all_full = true}, get()).failure == Failure::full);
}

TEST_CASE("a request whose time is over is not sent again") {
  auto late = get();
  late.is_over = true;
  const auto verdict = AttemptHistory().judge(ended(Outcome::not_sent), late);
  CHECK(verdict.next == Next::fail);
  CHECK(verdict.failure == Failure::deadline);
}

TEST_CASE("what the primary did not execute waits until the leadership is known again") {
  CHECK(AttemptHistory().judge(ended(Outcome::not_sent), passed_on()).next ==
        Next::await_leadership);
  CHECK(AttemptHistory().judge(ended_after_sending(Outcome::not_primary), passed_on()).next ==
        Next::await_leadership);
  CHECK(AttemptHistory().judge({.all_full = true}, passed_on()).failure == Failure::full);
  auto nobody = get();
  nobody.destination = Destination::unknown;
  CHECK(AttemptHistory().judge({.outcome = Outcome::gate_closed}, nobody).next ==
        Next::await_leadership);
  nobody.destination = Destination::none;
  CHECK(AttemptHistory().judge({.outcome = Outcome::gate_closed}, nobody).failure ==
        Failure::not_served);
}

TEST_CASE(
    "a replaced primary's request goes to the next one if it is idempotent, else is unknown") {
  const auto result = ended_after_sending(Outcome::superseded);
  const auto again = AttemptHistory().judge(result, passed_on());
  CHECK(again.next == Next::repeat);
  CHECK_FALSE(again.costs_retry);  // it is the next primary that pays
  auto once = passed_on();
  once.is_repeatable = false;
  CHECK(AttemptHistory().judge(result, once).failure == Failure::unknown);
}

TEST_CASE("the wait for a primary begins anew after an attempt that may have been seen") {
  AttemptHistory history;
  const Instant start = Instant() + 1s;
  CHECK(history.wait_until(start, 5s) == start + 5s);
  CHECK(history.wait_until(start + 1s, 5s) == start + 5s);
  history.judge(ended_after_sending(Outcome::lost), passed_on());
  CHECK(history.wait_until(start + 2s, 5s) == start + 7s);
}

}  // namespace tandem::master::verdict_test
