// prober.hpp: GET /health to the backends that do not heartbeat.
//
// Any status below 500 is alive: a 404 is an answer. What fails is a refused or broken connection,
// silence until the timeout, 5xx, and what is no HTTP. One probe per backend at a time,
// limits::probes_max in all; their times are spread with jitter, so that a thousand backends are
// not asked in one burst.
//
// A connection per probe, not a kept one: whether the backend still accepts connections is the
// question.
//
// Owner: the control loop's thread, which also runs the probes. It holds at most one entry per
// backend.
#pragma once

#include <map>
#include <memory>
#include <random>
#include <unordered_set>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/endpoint.hpp"
#include "common/base/time.hpp"
#include "master/registry/failure_kind.hpp"
#include "master/registry/registry.hpp"

namespace tandem::master {

class Prober {
 public:
  // Reports to `registry` and asks it for addresses; both it and `loop` outlive the prober. Each
  // backend is probed every `interval`, give or take a tenth.
  Prober(boost::asio::io_context& loop, Registry& registry, Duration interval);
  ~Prober();

  // Probes this backend until the registry no longer knows it.
  void watch(WorkerId id);

  // Ends the probes under way without a verdict and begins no more.
  void stop();

 private:
  using Time = boost::asio::steady_timer::time_point;
  struct Attempt;

  void schedule(WorkerId id, Duration delay);
  void start_due_probes();
  boost::asio::awaitable<void> probe(WorkerId id, std::shared_ptr<Attempt> attempt);

  boost::asio::io_context& loop_;
  Registry& registry_;
  Duration interval_;
  Duration timeout_;
  boost::asio::steady_timer timer_;
  std::multimap<Time, WorkerId> due_;  // those not under way
  std::unordered_set<std::shared_ptr<Attempt>> under_way_;
  std::minstd_rand random_;
  bool stopped_ = false;
};

}  // namespace tandem::master
