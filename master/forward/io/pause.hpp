// pause.hpp: `co_await` a moment that must be timed finer than the deadline wheel's tick. Ends
// within a millisecond of its time. Owner: the loop.
#pragma once

#include <coroutine>

#include "common/base/clock.hpp"
#include "master/forward/io/reactor.hpp"

namespace tandem::master {

class Pause {
 public:
  Pause(Reactor& io, Duration length) : io_(io), length_(length) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    alarm_.on_ring([](void* pause) { static_cast<Pause*>(pause)->waiter_.resume(); }, this);
    io_.set(alarm_, now() + length_);
  }
  void await_resume() const noexcept {}

 private:
  Reactor& io_;
  const Duration length_;
  Alarm alarm_;
  std::coroutine_handle<> waiter_;
};

}  // namespace tandem::master
