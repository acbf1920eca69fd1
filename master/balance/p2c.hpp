// p2c.hpp: the better of two random workers (Mitzenmacher 2001): the one with the lower product of
// peak-EWMA latency and (requests in flight + 1), as in Finagle.
//
// The estimate of a worker's latency rises at once to a latency above it and sinks towards those
// below it, by half in 1.4 s (`decay` is the time constant): a worker that turns slow is avoided
// from its first slow answer on, and one that has got no request for a while is tried again. A bad
// experience (5xx, a time-out, a broken connection) doubles the estimate, because errors are often
// quick, and must not make a failing worker look attractive. A worker that joins begins with the
// mean of the others. Latencies within a factor of two count as equal: one worker's latency varies
// that much from one moment to the next, and equal workers should share alike even when requests
// come one by one.
//
// Workers are drawn by weight, and one of twice the weight bears twice as many requests in flight
// for the same cost. Requests in flight include those of all loops, and those of other masters and
// clients that the worker's heartbeats report; the latency is this loop's own. pick() is O(1).
#pragma once

#include <vector>

#include "master/balance/alias_table.hpp"
#include "master/balance/policy.hpp"
#include "common/base/splitmix64.hpp"

namespace tandem::master {

class P2c final : public Policy {
 public:
  static constexpr Duration decay = 2s;
  // Shorter latencies count as this one: they say more about this machine than about the worker.
  static constexpr Duration latency_min = 1ms;
  static constexpr Duration latency_max = 60s;

  explicit P2c(std::uint64_t seed) : random_(seed) {}

  void update(std::span<const Candidate> candidates) override;
  std::optional<std::size_t> pick(const Selection& selection) override;
  bool learns() const override { return true; }
  void learn(std::size_t place, Experience experience, Duration latency, Instant now) override;

  // The estimate for the worker at `place`.
  Duration latency(std::size_t place, Instant now) const;

 private:
  struct Estimate {
    double latency_s = 0;  // at `since`; 0: nothing is known
    Instant since;
    const WorkerCounters* counters;
    double per_request;  // how much one request in flight weighs: mean weight / weight
  };
  double decayed(const Estimate& estimate, Instant now) const;
  bool is_better(std::size_t place, std::size_t than, Instant now) const;

  std::vector<Estimate> estimates_;
  std::vector<std::pair<WorkerId, std::shared_ptr<WorkerCounters>>> workers_;  // as estimates_
  AliasTable table_;
  SplitMix64 random_;
};

}  // namespace tandem::master
