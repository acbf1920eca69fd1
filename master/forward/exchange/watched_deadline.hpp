// watched_deadline.hpp: how long a worker may take to say something, while its client is watched;
// and how long a peer may take to accept what is sent to it, which each byte restarts.
//
// While a worker thinks, nobody reads from the client, so nobody would notice that it has gone, and
// the worker would be busy for nothing. Asking the kernel costs a system call, so it is asked only
// after each limits::client_check of waiting: an ordinary request costs nothing.
// Owner: an attempt, on its context.
#pragma once

#include "master/forward/stream/body_pace.hpp"
#include "master/forward/io/deadline_wheel.hpp"
#include "master/forward/stream/message_stream.hpp"
#include "master/forward/exchange/request_times.hpp"

namespace tandem::master {

class WatchedDeadline {
 public:
  WatchedDeadline(DeadlineWheel& wheel, MessageStream& client) : wheel_(wheel), client_(client) {}

  // What to call when the time is over, or when the client has gone.
  void on_expiry(void (*function)(void*), void* context);

  // A write to `peer`, the client or its worker, waits for it: it may accept nothing for body_idle,
  // and the client must not be too slow. Nobody is watched, since a write notices a closed peer.
  // `times` outlive it.
  void arm_sending(MessageStream& peer, const RequestTimes& times);
  // The worker is waited for. `may_probe`: a 100 Continue may be sent (HTTP/1.1, no response
  // begun). `times`, which outlive it, say how long a client is waited with that asks whether it is
  // still served; null: that changes nothing.
  void arm_watching(Duration timeout, bool may_probe, const RequestTimes* times = nullptr);
  void disarm();
  bool armed() const { return deadline_.armed(); }
  // The time is over.
  bool expired() const { return deadline_.expired(); }
  // It was the client that ended the waiting.
  bool client_gone() const { return client_gone_; }

 private:
  void fire();
  // It may wait longer.
  bool may_go_on();

  DeadlineWheel& wheel_;
  MessageStream& client_;
  Deadline deadline_;
  void (*function_)(void*) = nullptr;
  void* context_ = nullptr;
  Instant until_;                  // while watching
  MessageStream* peer_ = nullptr;  // the last that was sent something
  const RequestTimes* times_ = nullptr;
  const RequestTimes* pinging_ = nullptr;  // while watching
  std::optional<SendProgress> progress_;   // of what is sent to it
  bool watching_ = false;
  bool may_probe_ = false;
  bool client_gone_ = false;
};

}  // namespace tandem::master
