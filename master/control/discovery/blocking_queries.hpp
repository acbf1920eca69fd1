// blocking_queries.hpp: callers who wait for news of the services (Consul's blocking queries).
//
// A caller names the index of what it has been told. While that is the index of what there is, it
// waits; any other index is answered at once, for it is older, or another master's. The index is
// the version of the published snapshot, and what registrations say beside it: it grows when a
// worker of any service gains or loses traffic, so that a caller may be told what it knows already,
// and never misses anything.
//
// Owner: the control loop's thread.
#pragma once

#include <cstdint>
#include <unordered_set>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "master/control/limits.hpp"
#include "master/control/query.hpp"

namespace tandem::master {

class BlockingQueries {
 public:
  explicit BlockingQueries(boost::asio::io_context& loop) : loop_(loop) {}

  struct Wait {
    std::uint64_t index = 0;  // 0: not at all
    Duration longest{0};
  };
  // From the parameters `index` and `wait` (30s, 500ms; 5m unless it is said, 10m at most), where
  // they are there. Errors: `invalid`, naming the parameter.
  static Result<Wait> wait_of(const QueryParameters& parameters);

  // Returns when there is news, the time is over, or too many wait already; the answer is to be
  // made after it.
  boost::asio::awaitable<void> wait(Wait wait);
  // No more can wait.
  bool is_full() const { return waiting_.size() >= limits::blocking_queries_max; }
  bool is_stopped() const { return stopped_; }
  // Of what is answered now; 1 or more.
  std::uint64_t index() const { return index_; }

  // There is a new snapshot, of that version.
  void notify(std::uint64_t version);
  // There is news that no snapshot shows.
  void notify_of_more();
  void stop();

 private:
  boost::asio::io_context& loop_;
  std::unordered_set<boost::asio::steady_timer*> waiting_;
  std::uint64_t index_ = 1;
  std::uint64_t more_ = 0;  // of the index
  bool stopped_ = false;
};

}  // namespace tandem::master
