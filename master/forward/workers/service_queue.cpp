// The part of Service in which requests wait for room.
//
// Sleeping requests are listed in the order of their tickets. One that is woken leaves the list,
// and returns to its place when it finds no room. Room for one wakes one. A woken request that
// cannot use the room, because it has failed at that worker before or has given up, wakes the next
// one.
#include <algorithm>
#include <atomic>

#include "master/forward/workers/service.hpp"

namespace tandem::master {

struct Service::Sleeping {
  QueueEntry& sleeper;
  Duration timeout;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) { sleeper.fall_asleep(handle, timeout); }
  QueueResult await_resume() const noexcept { return sleeper.outcome_; }
};

// Either whoever ends a request sees that this one waits, or this one, looking once more, sees the
// room: the fences order the two counts on both sides.
bool QueueEntry::begin(Service& service) {
  TANDEM_ASSERT(service_ == nullptr);
  if (service.stopping_ || service.waiting_ >= service.options_.queue) return false;
  service_ = &service;
  ticket_ = ++service.tickets_;
  ++service.waiting_;
  deadline_.on_expiry(
      [](void* context) {
        auto& expired = *static_cast<QueueEntry*>(context);
        expired.service_->resume_later(expired, Service::QueueResult::timed_out);
      },
      this);
  counters_ = service.counters_;
  if (counters_) counters_->waiting.fetch_add(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return true;
}

QueueEntry::~QueueEntry() {
  if (service_ == nullptr) return;
  --service_->waiting_;
  if (counters_) counters_->waiting.fetch_sub(1, std::memory_order_relaxed);
  if (!awake_ || (served_ && !in_turn_)) return;
  const bool woke = service_->wake_after(ticket_, in_turn_);
  if (!woke && !served_) service_->room_made();
}

bool QueueEntry::may_choose(const Service& service) const {
  if (!has_begun()) return !service.has_waiters();
  return awake_ || service.waiting_ == 1;
}

Task<Service::QueueResult> QueueEntry::wait(Duration timeout, const ExcludedWorkers& excluded) {
  TANDEM_ASSERT(has_begun() && !served_);
  if (service_->stopping_) co_return Service::QueueResult::refused;
  if (std::exchange(awake_, false) && !excluded.empty()) service_->wake_after(ticket_, in_turn_);
  Service::Sleeping sleeping{*this, timeout};
  const auto outcome = co_await sleeping;
  co_return outcome;
}

void QueueEntry::fall_asleep(std::coroutine_handle<> handle, Duration timeout) {
  handle_ = handle;
  auto& sleepers = service_->sleepers_;
  // A request that was awake has an early ticket: its place is near one of the ends.
  auto behind = sleepers.end();
  if (!sleepers.empty() && sleepers.back()->ticket_ > ticket_) {
    behind = std::find_if(sleepers.begin(), sleepers.end(),
                          [&](const auto* other) { return other->ticket_ > ticket_; });
  }
  place_ = sleepers.insert(behind, this);
  sleeps_ = true;
  service_->wheel_.arm(deadline_, timeout);
}

void QueueEntry::give_up() {
  if (sleeps_) service_->resume_later(*this, Service::QueueResult::refused);
}

void Service::resume_later(QueueEntry& sleeper, QueueResult outcome) {
  sleepers_.erase(sleeper.place_);
  sleeper.sleeps_ = false;
  sleeper.deadline_.disarm();
  sleeper.outcome_ = outcome;
  sleeper.awake_ = outcome == QueueResult::room;
  io_.resume_later(sleeper.handle_);
}

// Wakes the first sleeping request behind that ticket.
bool Service::wake_after(std::uint64_t ticket, bool in_turn) {
  const auto next = std::find_if(sleepers_.begin(), sleepers_.end(),
                                 [&](const auto* other) { return other->ticket_ > ticket; });
  if (next == sleepers_.end()) return false;
  (*next)->in_turn_ = in_turn;
  resume_later(**next, QueueResult::room);
  return true;
}

bool Service::wake_one() { return wake_after(0, /*in_turn=*/false); }

void Service::wake_some() { wake_after(0, /*in_turn=*/true); }

void Service::refuse_all() {
  stopping_ = true;
  while (!sleepers_.empty()) resume_later(*sleepers_.front(), QueueResult::refused);
}

// The loops take turns, in proportion to how many requests wait in each.
void Service::room_made() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const std::size_t all =
      counters_ == nullptr ? 0 : counters_->waiting.load(std::memory_order_relaxed);
  const bool others_wait = setup_.room_elsewhere && all > waiting_;
  if (others_wait) {
    turn_ = (turn_ + 1) % all;
    if (turn_ >= waiting_ || sleepers_.empty()) return setup_.room_elsewhere(1);
  }
  wake_one();
}

void Service::trial_ended() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  wake_some();
  const std::size_t all =
      counters_ == nullptr ? 0 : counters_->waiting.load(std::memory_order_relaxed);
  if (setup_.room_elsewhere && all > waiting_) {
    setup_.room_elsewhere(static_cast<unsigned>(all - waiting_));
  }
}

}  // namespace tandem::master
