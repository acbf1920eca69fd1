// watched_deadline.hpp: the time that a worker has to say something, during which its client is
// watched; and the time that who is sent something has to take it, which begins anew with each
// byte.
//
// While a worker thinks nobody reads from the client, so nobody would notice that it is gone, and
// the worker would be kept busy for nothing. Asking the kernel is one system call, so it is asked
// only of those who have waited for limits::client_check (and each time again): an ordinary request
// costs nothing.
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

  // What to call when the time is over, or when the client is gone.
  void on_expiry(void (*function)(void*), void* context);

  // A write to `peer`, the client or its worker, waits for it: it may take nothing for body_idle;
  // the client must not be too slow either. Nobody needs watching: a write finds out by itself.
  // `times` outlive it.
  void arm_sending(MessageStream& peer, const RequestTimes& times);
  // The worker is waited for. `may_probe`: a 100 Continue may be sent (HTTP/1.1, no response
  // begun).
  void arm_watching(Duration timeout, bool may_probe);
  void disarm();
  bool armed() const { return deadline_.armed(); }
  // The time is over.
  bool expired() const { return deadline_.expired(); }
  // It was the client that ended the waiting.
  bool client_gone() const { return client_gone_; }

 private:
  void fire();
  // It goes on: nothing, or what it waited for has not come.
  bool may_go_on();

  DeadlineWheel& wheel_;
  MessageStream& client_;
  Deadline deadline_;
  void (*function_)(void*) = nullptr;
  void* context_ = nullptr;
  Instant until_;                  // while watching
  MessageStream* peer_ = nullptr;  // the last that was sent something
  const RequestTimes* times_ = nullptr;
  std::optional<SendProgress> progress_;  // of what is sent to it
  bool watching_ = false;
  bool may_probe_ = false;
  bool client_gone_ = false;
};

}  // namespace tandem::master
