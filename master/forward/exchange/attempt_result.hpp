// attempt_result.hpp: how one attempt at a worker, or at the primary, ended: the facts that decide
// what follows (verdict.hpp). Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/strong.hpp"

namespace tandem::master {

enum class AttemptOutcome {
  answered,  // the client has its answer; AttemptResult::ending says what becomes of its connection
  not_sent,  // nothing reached a worker
  // A kept-alive connection was closed under us; nothing was answered but perhaps a 408 which says
  // that it is being closed.
  stale,
  unprocessed,  // the worker says that it did nothing for the request; it may be about to leave
  // The worker has refused the handshake of TLS, or this master's certificate; it has executed
  // nothing, though the request may have been sent.
  tls_refused,
  unsupported,     // the worker cannot do what the request asks for; nothing was sent
  head_too_large,  // the worker takes no head that large; nothing was sent
  lost,           // the worker closed or reset without a whole answer; it may have seen the request
  timed_out,      // no response head, or no whole short response, in time
  bad_response,   // what it sent is no HTTP
  lost_race,      // another attempt was quicker
  retry_status,   // it answered with a status of the service's retry_on
  client_failed,  // the client broke off or broke its body
  out_of_resources,  // this master had no descriptor, port or memory to connect; nothing was sent
  // Nothing was executed in these:
  gate_closed,   // this master may not forward now; nothing was sent
  term_refused,  // the worker has promised a higher term
  not_primary,   // the master that it was passed on to does not lead
  // Another master leads, and the old primary had not begun to answer.
  superseded,
};

// What becomes of the client's connection after an exchange.
enum class Ending {
  keep,    // the next request may follow
  close,   // everything was said
  linger,  // an answer was given while the client still sends
  abort,   // the response could not be completed: the client must see a broken connection
};

struct AttemptResult {
  AttemptOutcome outcome = AttemptOutcome::not_sent;
  bool was_chosen = false;      // a worker, or the primary, was chosen
  bool all_full = false;        // none was, for none had room in time
  bool request_sent = false;    // some of the request was handed to the worker's connection
  bool lost_shared = false;     // its connection has carried other calls: any may be the reason
  bool body_taken = false;      // some of a streamed body was taken from the client
  bool response_begun = false;  // some of a response has reached the client, if only an interim one
  bool answer_begun = false;    // some of the final response has
  Ending ending = Ending::close;
  unsigned tls_alert = 0;  // by which the worker has refused TLS; 0: it has not
  // Of HTTP/2: with which code the worker broke its answer off.
  std::optional<std::uint32_t> reset_code{};
  unsigned client_status = 0;  // what to answer when the client failed; 0: it is gone
  Term promised_term{};        // by a worker that refused a lower one
};

}  // namespace tandem::master
