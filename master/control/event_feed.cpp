#include "master/control/event_feed.hpp"

#include <boost/asio.hpp>
#include <fmt/format.h>

#include "master/events/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

class EventFeed::Stream : public ResponseStream {
 public:
  Stream(EventFeed& feed, EventLog::Resumed from)
      : feed_(feed), timer_(feed.loop_), next_(from.number), missed_(from.missed) {
    feed_.streams_.insert(this);
  }
  ~Stream() override { feed_.streams_.erase(this); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  asio::awaitable<std::string> next() override {
    if (!begun_) {
      begun_ = true;
      co_return std::string("retry: 1000\n\n");
    }
    bool waited = false;
    for (;;) {
      if (ended_) co_return std::string();
      auto part = read();
      if (!part.empty()) co_return part;
      if (waited) co_return std::string(": alive\n\n");
      boost::system::error_code error;
      timer_.expires_after(limits::event_heartbeat);
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      waited = !error.failed();
    }
  }

  void end() override {
    ended_ = true;
    timer_.cancel();
  }
  void wake() { timer_.cancel(); }

 private:
  std::string read() {
    const auto& events = feed_.events_;
    std::string part;
    if (next_ < events.first()) {
      missed_ = true;
      next_ = events.first();
    }
    if (missed_) part += "event: missed\ndata: {}\n\n";
    missed_ = false;
    while (next_ < events.next() && part.size() < limits::event_part_bytes_max) {
      part += fmt::format("id: {}\ndata: {}\n\n", to_string(events.id(next_)), events.json(next_));
      ++next_;
    }
    return part;
  }

  EventFeed& feed_;
  asio::steady_timer timer_;
  std::uint64_t next_;
  bool missed_;
  bool begun_ = false;
  bool ended_ = false;
};

Result<std::shared_ptr<ResponseStream>> EventFeed::open(EventLog::Resumed from) {
  if (streams_.size() >= limits::event_streams_max) {
    return fail(ErrorCode::unavailable,
                fmt::format("this master has {} streams of events open, and no more than that",
                            limits::event_streams_max));
  }
  return std::shared_ptr<ResponseStream>(std::make_shared<Stream>(*this, from));
}

void EventFeed::notify() {
  for (auto* stream : streams_) stream->wake();
}

void EventFeed::end_all() {
  for (auto* stream : streams_) stream->end();
}

}  // namespace tandem::master
