// response_stream.hpp: an answer that is written part by part, as its parts come to be, until it
// ends or the caller is gone: text/event-stream.
//
// Its length is not known, so the end of the connection ends it.
//
// Owner: the loop of the server.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "common/base/time.hpp"
#include "common/http/channel.hpp"

namespace tandem {

class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  // Waits for the next part; empty: it has ended.
  virtual boost::asio::awaitable<std::string> next() = 0;
  // Nobody reads it any more: next() returns soon, with nothing.
  virtual void end() = 0;
};

// Writes the parts, each within `write_max`, for which it sets `deadline`; ends when the stream
// does, or when the caller sends anything or hangs up. Closes the channel, which outlives it.
boost::asio::awaitable<void> write_stream(Channel& channel, std::shared_ptr<ResponseStream> stream,
                                          std::chrono::steady_clock::time_point& deadline,
                                          Duration write_max);

}  // namespace tandem
