// worker_call.hpp: one request at one worker, from the place that it takes there to its end,
// whatever protocol the worker speaks: a connection of its own, or a stream on a shared one.
//
// Made by Upstream::take_idle() and open(), which count it as a place that is taken. One that ends
// in a clean state is finished, so that the next request can follow; destroying one that is not
// ends what is under way. Owner: the attempt, on its loop.
#pragma once

#include <memory>

#include "master/forward/stream/message_stream.hpp"

namespace tandem::master {

class Upstream;

class WorkerCall {
 public:
  virtual ~WorkerCall() = default;
  WorkerCall(const WorkerCall&) = delete;
  WorkerCall& operator=(const WorkerCall&) = delete;

  Upstream& upstream() const { return *upstream_; }
  virtual MessageStream& stream() = 0;
  // Makes it ready to send. Only for one that open() made. stream().cancel() ends the waiting.
  virtual Task<IoResult> connect() = 0;
  // Its connection has carried a request before: the worker may have closed it in the meantime. Of
  // HTTP/2: the worker has closed it, and may have done so then.
  virtual bool is_reused() const = 0;
  // Nothing else uses its connection: what is left of an answer is in the way of another request.
  virtual bool has_own_connection() const = 0;
  // The worker says that it did nothing for the request, though it was sent; or it has ended the
  // connection before it could be.
  virtual bool was_unprocessed() const { return false; }
  // What was to be sent asks for something that the worker cannot do: nothing of it was sent.
  virtual bool was_beyond_worker() const { return false; }
  // The worker takes no head that large; nothing was sent.
  virtual bool was_too_large() const { return false; }
  // Its connection ended under it and has carried other calls, now or before: which of them brought
  // that about is not known, or it was none, for the worker had it end after so many.
  virtual bool was_lost_shared() const { return false; }
  // Of calls that were lost so one counts against the worker: true once.
  virtual bool takes_blame() { return true; }
  // The alert of TLS by which the worker has refused the handshake with this master, or its
  // certificate, when some of the request may have been sent: it has executed nothing of it. 0: it
  // has not.
  virtual unsigned refusing_alert() = 0;
  // The worker has said something, though perhaps nothing that was read yet.
  virtual bool has_stirred() const = 0;

  // The answer was read to its end and nothing came behind it: keeps what can carry another
  // request. True: another loop waits for the place, which is free.
  static bool finish(std::unique_ptr<WorkerCall> call, Instant now) {
    auto& ended = *call;
    return ended.finish_this(std::move(call), now);
  }

 protected:
  explicit WorkerCall(std::shared_ptr<Upstream> upstream) : upstream_(std::move(upstream)) {}
  // `self` is this.
  virtual bool finish_this(std::unique_ptr<WorkerCall> self, Instant now) = 0;

  const std::shared_ptr<Upstream> upstream_;
};

using WorkerCallPtr = std::unique_ptr<WorkerCall>;

}  // namespace tandem::master
