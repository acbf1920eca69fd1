// verdict.hpp: what follows from how an attempt ended: whether the request may be repeated, where
// and when, and what the client is told if not.
//
// A request is repeated where that is safe (RFC 9110 §9.2.2): nothing of it was sent, or its method
// is idempotent and nothing of a response has reached the client. Besides, the number of attempts
// that may have been seen is limited, and those that cost something are paid for from the retry
// budget of the service. Pure: the exchange acts on the verdict.
#pragma once

#include <optional>

#include "common/base/time.hpp"
#include "common/wire/service_settings.hpp"
#include "master/forward/exchange/attempt_result.hpp"

namespace tandem::master {

// Where a request goes.
enum class Destination {
  workers,  // this master serves it
  primary,  // another master leads: the request is passed on to it
  unknown,  // no master is known to lead, or this one leads and may not serve yet
  none,     // this master stands by, and passes nothing on
};

// What this master tells a client that gets no worker's answer.
enum class Failure {
  broken_off,      // nothing: the client has gone, or has a part of an answer
  not_served,      // this master does not lead, or may not serve; nothing was executed
  unknown,         // the primary was replaced while it worked on the request
  bad_body,        // the client did not send its body, or not as it must
  deadline,        // the time for the whole request is over
  unsupported,     // the workers cannot do what the request asks for
  head_too_large,  // the workers take no head that large
  no_worker,       // there is none
  full,            // there are workers, but none had room in time
  unprocessed,     // the workers take no more
  tls_refused,     // the worker refuses TLS with this master; nothing was executed
  no_resources,    // this master has none to connect with
  timed_out,       // the worker did not answer in time
  bad_response,    // what the worker sent is no HTTP
  no_response,     // the worker closed the connection without an answer
};

struct Verdict {
  enum class Next {
    end,               // the client has its answer
    fail,              // the client is told `failure`
    repeat,            // another worker is chosen, or the primary is asked again
    await_leadership,  // the same, when the leadership has changed or a pause is over
    await_resources,   // the same, when this master may have resources again
  };
  Next next = Next::end;
  Failure failure = Failure::broken_off;  // what the client is told if it is not repeated
  // The worker has answered, if badly, or another request may be why it did not: a pause comes
  // first, and when no other worker is left, it may be asked again.
  bool was_answered = false;
  // The worker says that it did nothing for the request, and is not to blame: others are asked
  // first, and the same one again when none of them is in good health.
  bool was_refused = false;
  // A worker may execute the request again: the retry budget pays for it, or it is not repeated.
  bool costs_retry = false;
};

// What the attempts of one request have shown so far.
class AttemptHistory {
 public:
  struct Request {
    Destination destination = Destination::workers;
    bool is_repeatable = false;       // its method allows it
    bool is_over = false;             // its deadline has passed
    unsigned attempts_max = 1;        // that workers may see
    const wire::StatusSet& retry_on;  // statuses that are tried again after
  };

  // What follows from an attempt that ended with `result`; with `gate_closed` when nobody could be
  // asked. REQUIRES: it was not answered
  Verdict judge(const AttemptResult& result, const Request& request);
  // A worker is to blame for how the last attempt ended. REQUIRES: before judge()
  void blame(AttemptOutcome outcome) { last_failure_ = outcome; }
  bool has_failure() const { return last_failure_.has_value(); }
  // A second worker was asked at the same time, and has seen the request.
  void count_second() { ++attempts_seen_; }

  // One attempt more is allowed after the one that begins now.
  bool allows_another(unsigned attempts_max) const { return attempts_seen_ + 1 < attempts_max; }
  // Attempts that a worker may have seen.
  unsigned attempts_seen() const { return attempts_seen_; }
  // An idle connection had been closed: others are looked at before they are used.
  bool distrusts_idle() const { return distrusts_idle_; }
  // It was lost together with others, and may be why: it shares no connection any more.
  bool wants_own_connection() const { return wants_own_connection_; }
  // The gate was found closed: it is looked at before a worker is chosen.
  bool gate_was_closed() const { return gate_was_closed_; }
  // How long the request may wait for a primary: `length` from the first call, or from the last
  // attempt that a primary or a worker may have seen.
  Instant wait_until(Instant now, Duration length);

 private:
  using Next = Verdict::Next;
  Verdict after_worker(const AttemptResult& result, const Request& request);
  Verdict after_primary(const AttemptResult& result, const Request& request);
  Verdict after_silence(const AttemptResult& result, const Request& request, Next next);
  Verdict after_refusal(const AttemptResult& result, const Request& request);
  Verdict after_bad_answer(const AttemptResult& result, const Request& request);

  bool distrusts_idle_ = false;
  bool wants_own_connection_ = false;
  bool gate_was_closed_ = false;
  unsigned attempts_seen_ = 0;
  std::optional<AttemptOutcome> last_failure_;
  std::optional<Instant> wait_until_;
};

// What the client is told after an attempt that is not repeated.
Failure failure_after(const AttemptResult& result, bool is_over);

}  // namespace tandem::master
