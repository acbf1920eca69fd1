// pause.hpp: `co_await` a moment: for what must be timed finer than the deadline wheel's tick, and
// happens seldom. Owner: the loop; nobody may be paused when it ends.
#pragma once

#include <coroutine>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>

#include "common/base/time.hpp"
#include "master/forward/socket_io.hpp"

namespace tandem::master {

class Pause {
 public:
  Pause(asio::io_context& io, Duration length) : timer_(io, length) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    timer_.async_wait([handle](const ErrorCodeOs&) { handle.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  asio::basic_waitable_timer<std::chrono::steady_clock> timer_;
};

}  // namespace tandem::master
