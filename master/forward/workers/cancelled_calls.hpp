// cancelled_calls.hpp: the places of calls that were cancelled on one connection of HTTP/2, kept
// until the worker is known to have ended them.
//
// After our RST_STREAM a worker says nothing more of a stream, so its end cannot be seen. What can
// be known is that the worker has read the reset: it answers something that was sent behind it, a
// PING or a later call. Where it answers nothing, a place is kept for a time, or until the
// connection has ended. So clients that ask and cancel cannot give a worker more at once than it
// can hold. All calls of a connection are at the same worker. Owner: the connection, on its loop.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include "common/base/time.hpp"
#include "master/forward/http/h2/error_code.hpp"

namespace tandem::master {

class Upstream;

class CancelledCalls {
 public:
  CancelledCalls() = default;
  CancelledCalls(const CancelledCalls&) = delete;
  CancelledCalls& operator=(const CancelledCalls&) = delete;
  // REQUIRES: empty()
  ~CancelledCalls();

  bool empty() const { return places_.empty(); }
  std::size_t size() const { return places_.size(); }

  // A call was reset at `at`, when `last_opened` was the newest stream of the connection.
  void add(std::shared_ptr<Upstream> upstream, h2::StreamId last_opened, Instant at);
  // No PING is behind some of them.
  bool lacks_ping() const { return pinged_ < places_.size(); }
  // One is sent behind all of them now.
  void note_ping() { pinged_ = places_.size(); }
  void note_ping_answered();
  // The worker has said something on that stream.
  void note_answer(h2::StreamId stream);
  // So long nothing was heard of those that were reset before.
  void free_before(Instant at);
  // The connection has ended.
  void free_all() { free(places_.size()); }

 private:
  struct Place {
    h2::StreamId last_opened;
    Instant at;
  };
  // The oldest ones.
  void free(std::size_t count);

  std::shared_ptr<Upstream> upstream_;  // null: there are none
  std::deque<Place> places_;            // in the order in which they were reset
  std::size_t pinged_ = 0;              // so many of the oldest have a PING behind them
};

}  // namespace tandem::master
