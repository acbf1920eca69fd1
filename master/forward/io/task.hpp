// task.hpp: the coroutines of the data plane.
//
// Task<T> is lazy: it runs when awaited, on the loop that awaits it, and hands its result to its
// awaiter by symmetric transfer. Detached is the root of a tree of tasks: it starts at once and
// frees itself at its end. We use these instead of asio::awaitable because an operation that can be
// done at once (a write that the socket buffer takes) must cost no trip through the scheduler, and
// because a frame must come from the loop's own free lists: one request nests several frames and
// allocates nothing.
//
// An exception that leaves a task is a broken invariant, and ends the program.
// Owner: the loop whose thread runs it; a coroutine never changes its thread.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/base/assert.hpp"
#include "master/forward/io/frame_pool.hpp"

namespace tandem::master {

namespace detail {

struct PooledFrame {
  static void* operator new(std::size_t bytes) { return frame_pool_allocate(bytes); }
  static void operator delete(void* frame, std::size_t bytes) { frame_pool_free(frame, bytes); }
};

struct TaskPromiseBase : PooledFrame {
  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      return self.promise().continuation;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

  std::coroutine_handle<> continuation = std::noop_coroutine();
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  void return_value(T result) { value.emplace(std::move(result)); }
  std::optional<T> value;
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  void return_void() const noexcept {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  struct promise_type : detail::TaskPromise<T> {
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
  };

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    frame_.promise().continuation = awaiter;
    return frame_;
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) {
      TANDEM_ASSERT(frame_.promise().value.has_value());
      return std::move(*frame_.promise().value);
    }
  }

 private:
  explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};

struct Detached {
  struct promise_type : detail::PooledFrame {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

// A one-shot signal between two coroutines of one loop: co_await returns once set() was called.
class OneShotEvent {
 public:
  OneShotEvent() = default;
  // Not copyable, like every awaitable here: gcc 12 awaits a copy of an lvalue that a call
  // returned.
  OneShotEvent(const OneShotEvent&) = delete;
  OneShotEvent& operator=(const OneShotEvent&) = delete;

  bool await_ready() const noexcept { return set_; }
  void await_suspend(std::coroutine_handle<> waiter) noexcept {
    TANDEM_ASSERT(!waiter_);
    waiter_ = waiter;
  }
  void await_resume() const noexcept {}

  // Resumes the waiter, if any, before it returns.
  void set() {
    TANDEM_ASSERT(!set_);
    set_ = true;
    if (auto waiter = std::exchange(waiter_, nullptr)) waiter.resume();
  }

 private:
  bool set_ = false;
  std::coroutine_handle<> waiter_;
};

}  // namespace tandem::master
