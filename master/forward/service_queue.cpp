// The part of Service in which requests wait for room.
#include <algorithm>
#include <atomic>

#include "master/forward/service.hpp"

namespace tandem::master {

struct Service::Queueing {
  Service& service;
  Duration timeout;
  bool in_front;
  Waiter waiter{};

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    waiter.handle = handle;
    waiter.service = &service;
    waiter.queued = true;
    waiter.place = service.waiters_.insert(
        in_front ? service.waiters_.begin() : service.waiters_.end(), &waiter);
    waiter.deadline.on_expiry(
        [](void* context) {
          auto& expired = *static_cast<Waiter*>(context);
          expired.service->resume_later(expired, Waited::timed_out);
        },
        &waiter);
    service.wheel_.arm(waiter.deadline, timeout);
  }
  Waited await_resume() const noexcept { return waiter.outcome; }
};

Task<Service::Waited> Service::wait_for_room(Duration timeout, bool in_front) {
  if (stopping_ || waiters_.size() >= options_.queue) co_return Waited::refused;
  Queueing queueing{*this, timeout, in_front};
  const auto outcome = co_await queueing;
  co_return outcome;
}

void Service::resume_later(Waiter& waiter, Waited outcome) {
  TANDEM_ASSERT(waiter.queued);
  waiters_.erase(waiter.place);
  waiter.queued = false;
  waiter.deadline.disarm();
  waiter.outcome = outcome;
  io_.resume_later(waiter.handle);
}

void Service::wake_one() {
  if (!waiters_.empty()) resume_later(*waiters_.front(), Waited::room);
}

void Service::wake_all() {
  while (!waiters_.empty()) wake_one();
}

void Service::refuse_all() {
  stopping_ = true;
  while (!waiters_.empty()) resume_later(*waiters_.front(), Waited::refused);
}

// Either who ends a request sees the one that waits, or that one, looking once more, sees the room:
// the fences order the two counts on both sides.
void Queued::begin(const Service& service) {
  begun_ = true;
  counters_ = service.counters_;
  if (counters_) counters_->waiting.fetch_add(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

Queued::~Queued() {
  if (counters_) counters_->waiting.fetch_sub(1, std::memory_order_relaxed);
}

// A request has ended, and with it what a limit counts.
void Service::room_made() {
  wake_one();
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const bool others_wait = counters_ != nullptr && setup_.room_elsewhere &&
                           counters_->waiting.load(std::memory_order_relaxed) > waiters_.size();
  if (others_wait) setup_.room_elsewhere();
}

}  // namespace tandem::master
