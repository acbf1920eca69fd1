// leftover_answers.hpp: answers of workers of HTTP/1 that nobody waits for any more, since their
// clients have gone: each is read to its end, so that its connection can carry other requests.
//
// A request that is given up would otherwise cost its worker a connection, and a client of HTTP/2
// can give up as many as it likes for a few bytes each (CVE-2023-44487). The place at the worker
// stays taken meanwhile: all such clients together have no more requests there than it offers. An
// answer that takes too long, or is too large, ends with its connection: so a worker of HTTP/1
// learns that nobody waits for it. Owner: the loop.
#pragma once

#include <memory>
#include <optional>

#include "common/http1/body_framing.hpp"
#include "common/http1/http_head.hpp"
#include "master/forward/http/head_pool.hpp"
#include "master/forward/io/buffer.hpp"
#include "master/forward/io/deadline_wheel.hpp"
#include "master/forward/io/intrusive_list.hpp"
#include "master/forward/io/task.hpp"
#include "master/forward/workers/services.hpp"

namespace tandem::master {

class LeftoverAnswers {
 public:
  // All outlive it. `patience`: how long one may take.
  LeftoverAnswers(DeadlineWheel& wheel, BufferPool& buffers, HeadPool<ResponseHead>& heads,
                  Services& services, Duration patience)
      : wheel_(wheel), buffers_(buffers), heads_(heads), services_(services), patience_(patience) {}

  struct Leftover {
    WorkerCallPtr call;
    Buffer here;           // what has arrived of it, and was not passed on
    bool to_head = false;  // the request was HEAD
    // The head was passed on, and the body up to here; unset: neither.
    std::optional<BodyReader> body{};
  };
  // REQUIRES: the request was sent as a whole, and nobody reads from the call
  void take(Service& service, Leftover leftover);
  // The loop ends: none is read any more.
  void abort();

 private:
  class Reading;
  static Detached run(std::unique_ptr<Reading> reading);

  DeadlineWheel& wheel_;
  BufferPool& buffers_;
  HeadPool<ResponseHead>& heads_;
  Services& services_;
  const Duration patience_;
  IntrusiveList<Reading> readings_;
  bool stopped_ = false;
};

}  // namespace tandem::master
