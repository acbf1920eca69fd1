// timeouts.hpp: how long the data plane waits for what; every byte that moves restarts the time.
// The first two are the same for all clients; a service may set the others for its requests
// (service_options.hpp).
#pragma once

#include "common/base/limits.hpp"
#include "common/base/time.hpp"
#include "common/http1/limits.hpp"
#include "master/forward/stream/body_pace.hpp"
#include "master/forward/workers/limits.hpp"

namespace tandem::master {

struct ForwardTimeouts {
  Duration header_read = limits::header_read_max;  // 408: first byte to end of the request head
  Duration client_idle = limits::client_idle_max;  // closed: no request on a kept-alive connection
  Duration body_idle = limits::body_idle_max;  // 408 or cut: between two reads or writes of a body
  Duration connect = limits::connect_max;      // then the next worker is tried
  Duration response_head =
      limits::response_head_max;  // 504: the request's last byte to the response head
  Duration request{0};            // 504 or cut: the whole of it, all tries together; 0: no limit
  Duration queue_wait = limits::queue_wait_max;    // 503: all workers full
  Duration tunnel_idle = limits::tunnel_idle_max;  // cut: nothing moved after 101
  Duration http2_quiet = limits::http2_quiet_max;  // asked by a PING: a worker that says nothing
  Duration leftover_answer = limits::leftover_answer_max;  // closed: one that nobody waits for
  BodyPaceLimits pace{};                                   // 408 or cut: a client that is too slow
};

}  // namespace tandem::master
