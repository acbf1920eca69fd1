// history.hpp: requests, errors and latency of the last quarter of an hour, a point for each
// second, so that a page can show them at once.
//
// Of the clients of this master, whichever master has answered: a page shows one master's, and adds
// none up. Latencies are estimated from the histogram's buckets, as Prometheus does: within one
// they are taken for evenly spread. Owner: the control loop's thread. Always: at most
// limits::history_seconds points, one for each second; seconds in which the master stalled are
// zeros.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "master/metrics/traffic.hpp"

namespace tandem::master::metrics {

struct HistoryPoint {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;   // of them: status 5xx, and clients that left without an answer
  std::uint64_t refused = 0;  // of them: status 4xx
  double p50_ms = 0;          // 0: there were no requests
  double p99_ms = 0;
};

class History {
 public:
  // Called about once a second; `second`: since 1970. A second that is not newer is left out.
  void observe(const Traffic& traffic, std::int64_t second);
  // {"node": "a", "step_s": 1, "begin": SECOND, "requests": [...], "errors": [...], ...}, from the
  // point after `since` on; and {"waiting": {"shop": 3}}, the requests in queues now.
  std::string to_json(const std::string& node, std::int64_t since) const;
  const std::deque<HistoryPoint>& points() const { return points_; }

 private:
  struct Sums {
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
    std::uint64_t refused = 0;
    HistogramSums duration;
  };
  static Sums sums_of(const Traffic& traffic);

  Sums last_;
  std::deque<HistoryPoint> points_;
  std::map<std::string, std::int64_t> waiting_;  // for room, now, by service; none is 0
  std::int64_t newest_ = 0;  // the second of the last point; 0: there was no observation yet
};

// The value below which that part of the observations is; 0 when there are none. The last bucket
// has no upper bound: its lower one is returned.
double quantile_ms(const std::array<std::uint64_t, bucket_bounds.size() + 1>& buckets, double part);

}  // namespace tandem::master::metrics
