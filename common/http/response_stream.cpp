#include "common/http/response_stream.hpp"

#include <boost/asio.hpp>

namespace tandem {

namespace asio = boost::asio;

namespace {

asio::awaitable<void> end_when_gone(Channel& channel, std::shared_ptr<ResponseStream> stream) {
  auto waiting = channel.wait_readable();
  co_await std::move(waiting);
  stream->end();
}

}  // namespace

asio::awaitable<void> write_stream(Channel& channel, std::shared_ptr<ResponseStream> stream,
                                   std::chrono::steady_clock::time_point& deadline,
                                   Duration write_max) {
  using SteadyTime = std::chrono::steady_clock::time_point;
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer watch_over(executor, SteadyTime::max());
  bool watched = true;
  asio::co_spawn(executor, end_when_gone(channel, stream), [&](const std::exception_ptr&) {
    watched = false;
    watch_over.cancel();
  });
  boost::system::error_code error;
  while (!error) {
    deadline = SteadyTime::max();
    auto coming = stream->next();
    const auto part = co_await std::move(coming);
    if (part.empty()) break;
    deadline = std::chrono::steady_clock::now() + write_max;
    co_await asio::async_write(channel, asio::buffer(part),
                               asio::redirect_error(asio::use_awaitable, error));
  }
  channel.end();
  channel.close();
  boost::system::error_code ignored;
  while (watched)
    co_await watch_over.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace tandem
