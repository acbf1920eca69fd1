// event_feed.hpp: the open streams of events (text/event-stream).
//
// Each reads the list of events at its own pace: one that is slow costs nobody anything, and one
// that falls behind what is kept is told so. Owner: the control loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include <boost/asio/io_context.hpp>

#include "common/base/result.hpp"
#include "common/http/response_stream.hpp"
#include "master/events/event_log.hpp"

namespace tandem::master {

class EventFeed {
 public:
  // Both outlive it and its streams.
  EventFeed(boost::asio::io_context& loop, const EventLog& events) : loop_(loop), events_(events) {}
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  // From that event on. Errors: `unavailable` at limits::event_streams_max.
  Result<std::shared_ptr<ResponseStream>> open(EventLog::Resumed from);
  // There is an event.
  void notify();
  // All end, and come again if they may.
  void end_all();

 private:
  class Stream;

  boost::asio::io_context& loop_;
  const EventLog& events_;
  std::set<Stream*> streams_;
};

}  // namespace tandem::master
