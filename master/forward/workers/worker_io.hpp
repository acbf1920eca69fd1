// worker_io.hpp: what connections to workers are made of: parts of one loop, which outlives them.
#pragma once

#include "common/base/time.hpp"
#include "master/forward/http/h2/session_memory.hpp"
#include "master/forward/io/buffer.hpp"
#include "master/forward/io/deadline_wheel.hpp"
#include "master/forward/io/reactor.hpp"

namespace tandem::master {

struct WorkerIo {
  Reactor& io;
  DeadlineWheel& wheel;
  BufferPool& buffers;
  h2::SessionMemory& http2_memory;
  Duration quiet;  // limits::http2_quiet_max
};

}  // namespace tandem::master
