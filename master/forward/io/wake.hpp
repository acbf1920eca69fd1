// wake.hpp: wakes one coroutine, as often as it waits again. Setting it while nobody waits is
// remembered, once. Owner: one loop.
#pragma once

#include <coroutine>
#include <utility>

#include "master/forward/io/reactor.hpp"

namespace tandem::master {

class Wake {
 public:
  explicit Wake(Reactor& io) : io_(io) {}
  // Not copyable, like every awaitable here.
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  void set() {
    if (waiter_) {
      io_.resume_later(std::exchange(waiter_, nullptr));
    } else {
      set_ = true;
    }
  }
  bool await_ready() { return std::exchange(set_, false); }
  void await_suspend(std::coroutine_handle<> waiter) { waiter_ = waiter; }
  void await_resume() const noexcept {}

 private:
  Reactor& io_;
  std::coroutine_handle<> waiter_;
  bool set_ = false;
};

}  // namespace tandem::master
