// request_body.hpp: a request body on its way to the worker while the response may already be
// coming.
//
// A body that is neither small nor known in length is streamed by a coroutine of its own, so that a
// worker may answer before it has read everything (100 Continue, 413, an echo). What the body's
// framing leaves over (a pipelined request) goes back to the session. Memory: one buffer, whatever
// the body's length, and another one while its first bytes are kept: a worker of HTTP/2 may still
// say that it has done nothing with them. Owner: the exchange, which must await finished() before
// the sockets may go away.
#pragma once

#include "common/http1/body_framing.hpp"
#include "master/forward/stream/body_pace.hpp"
#include "master/forward/exchange/client_side.hpp"
#include "master/forward/exchange/context.hpp"
#include "master/forward/exchange/watched_deadline.hpp"

namespace tandem::master {

class RequestBodyPump {
 public:
  enum class State {
    running,
    complete,       // every byte was handed to the worker's socket
    client_failed,  // the client closed or broke the framing: see refusal_status()
    worker_failed,  // the worker takes no more; it may have answered nevertheless
  };

  // The client's in() holds the head and what has arrived behind it; from here on it keeps the head
  // only, and gets what follows the body when that is complete.
  // `response_deadline` is armed when the body is complete, unless it is already: the worker's time
  // to answer begins with the request's last byte.
  enum class Keeps { nothing, first_bytes };
  RequestBodyPump(Context& context, ClientSide& client, MessageStream& worker,
                  WatchedDeadline& response_deadline, Keeps keeps);

  // Runs until finished(); call once.
  void start() { run(); }
  State state() const { return state_; }
  // Completes when the pump runs no more.
  OneShotEvent& finished() { return finished_; }
  // The client rightly waits for 100 Continue, or for a final answer, before it sends anything. The
  // time is that of the worker, which has to answer (RFC 9110 §10.1.1).
  bool awaits_continue() const { return awaits_continue_; }
  // The client was told to continue: from now on it is the client that is waited for.
  void let_continue();
  // The client has its final answer, and need not be waited for.
  void forgo_continue() { awaits_continue_ = false; }
  // Makes the pump end soon: its pending operation is cancelled.
  void cancel();
  // Some of the body was taken from the client: it cannot be sent again, unless it is put back.
  bool touched() const { return touched_; }
  // All that was taken lies behind the head in the client's in() again. False: it was not kept.
  // REQUIRES: finished(), and no byte of an answer has come
  bool put_back();
  // Nothing will be put back: the worker has begun to answer.
  void keep_no_more();
  // The client or the worker did not move for ForwardTimeouts::body_idle, the client was too slow,
  // or the request's deadline is over.
  bool timed_out() const { return idle_.expired(); }
  // What to answer when the client failed: 400, 408, 413, or 0 when it is gone.
  unsigned refusal_status() const { return refusal_status_; }

 private:
  Detached run();
  Task<State> pump();
  Task<bool> read_more();
  Task<bool> send(std::string_view content);
  void expire();
  void wait_for_client();
  void keep();
  State fail_client(unsigned status);

  Context& context_;
  ClientSide& client_;
  MessageStream& worker_;
  Buffer body_;  // raw bytes of the body that have arrived
  Buffer kept_;  // all that was taken so far, as it came
  bool keeps_;
  BodyReader reader_;
  Deadline idle_;
  BodyPace client_pace_;
  SendProgress progress_;  // at the worker
  bool sending_ = false;   // it is the worker that is waited for
  WatchedDeadline& response_deadline_;
  OneShotEvent finished_;
  State state_ = State::running;
  std::uint64_t content_bytes_ = 0;  // so far
  unsigned refusal_status_ = 0;
  Instant waits_since_;  // for the client
  bool awaits_continue_;
  bool client_takes_interim_;  // it speaks HTTP/1.1
  bool cancelled_ = false;
  bool touched_ = false;
};

}  // namespace tandem::master
