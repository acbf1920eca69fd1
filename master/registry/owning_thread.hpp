// owning_thread.hpp: objects that one thread owns assert it at each entry point, instead of
// locking.
#pragma once

#include <atomic>
#include <thread>

#include "common/base/assert.hpp"

namespace tandem::master {

class OwningThread {
 public:
  // The first caller becomes the owner; from then on, calling from another thread is an error.
  void assert_here() const {
    const auto here = std::this_thread::get_id();
    auto owner = std::thread::id{};
    const bool is_owner =
        owner_.compare_exchange_strong(owner, here, std::memory_order_relaxed) || owner == here;
    TANDEM_ASSERT(is_owner);
  }

  // The next caller becomes the owner: for an object that is filled before its thread starts, and
  // taken down after that thread was joined.
  void hand_over() { owner_.store(std::thread::id{}, std::memory_order_relaxed); }

 private:
  mutable std::atomic<std::thread::id> owner_{};
};

}  // namespace tandem::master
