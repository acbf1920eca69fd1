// prober.hpp: health checks (health_check.hpp) of the workers that do not heartbeat, and of others
// whose service asks for it.
//
// By default any status below 500 is a good answer, even a 404. A probe fails by a refused or
// broken connection, silence until the timeout, an unexpected status, or an answer that is not
// HTTP; and a check of gRPC by all but SERVING. One probe per worker at a time, limits::probes_max
// in all. The first probes of workers that are added together follow each other closely; the second
// ones are spread over the whole interval, and from then on each worker keeps its place in it, with
// jitter: so a thousand are not probed in one burst.
//
// Each probe makes a new connection, because the question is whether the backend still accepts
// connections.
//
// Owner: the control loop's thread, which also runs the probes. It holds at most one entry per
// worker.
#pragma once

#include <map>
#include <unordered_map>
#include <unordered_set>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/splitmix64.hpp"
#include "common/base/time.hpp"
#include "common/http/http_call.hpp"
#include "master/registry/failure_kind.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

class Prober {
 public:
  // Reports to `registry` and asks it which workers to probe and how; `registry` and `loop` outlive
  // the prober.
  Prober(boost::asio::io_context& loop, Registry& registry);
  ~Prober();

  // Probes this worker until the registry ends that. A worker that is probed already is probed
  // again soon, since its check may have changed.
  void watch(WorkerId id);

  // Ends the probes under way without a verdict and begins no more.
  void stop();

 private:
  using Time = boost::asio::steady_timer::time_point;
  using Due = std::multimap<Time, WorkerId>;

  void schedule(WorkerId id, Duration delay);
  void start_due_probes();
  boost::asio::awaitable<void> probe(WorkerId id, Registry::Probe asked);

  boost::asio::io_context& loop_;
  Registry& registry_;
  boost::asio::steady_timer timer_;
  HttpCalls calls_;
  Due due_;                                             // the probes that are not under way
  std::unordered_map<WorkerId, Due::iterator> places_;  // in due_; its end: under way
  std::unordered_set<WorkerId> spread_;  // those whose second probe was placed at random
  std::size_t under_way_ = 0;
  SplitMix64 random_;
  bool stopped_ = false;
};

}  // namespace tandem::master
