// The part of Service in which requests wait for room.
//
// Those that sleep stand in a list by their tickets; one that is woken leaves it, and comes back to
// its place when it finds no room. Room for one wakes one. A woken one that cannot use the room,
// because it has failed at that worker before or has given up, wakes the next behind it.
#include <algorithm>
#include <atomic>

#include "master/forward/workers/service.hpp"

namespace tandem::master {

struct Service::Sleeping {
  Queued& sleeper;
  Duration timeout;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) { sleeper.fall_asleep(handle, timeout); }
  Waited await_resume() const noexcept { return sleeper.outcome_; }
};

// Either who ends a request sees the one that waits, or that one, looking once more, sees the room:
// the fences order the two counts on both sides.
bool Queued::begin(Service& service) {
  TANDEM_ASSERT(service_ == nullptr);
  if (service.stopping_ || service.waiting_ >= service.options_.queue) return false;
  service_ = &service;
  ticket_ = ++service.tickets_;
  ++service.waiting_;
  deadline_.on_expiry(
      [](void* context) {
        auto& expired = *static_cast<Queued*>(context);
        expired.service_->resume_later(expired, Service::Waited::timed_out);
      },
      this);
  counters_ = service.counters_;
  if (counters_) counters_->waiting.fetch_add(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return true;
}

Queued::~Queued() {
  if (service_ == nullptr) return;
  --service_->waiting_;
  if (counters_) counters_->waiting.fetch_sub(1, std::memory_order_relaxed);
  if (!awake_ || (served_ && !in_turn_)) return;
  const bool woke = service_->wake_after(ticket_, in_turn_);
  if (!woke && !served_) service_->room_made();
}

bool Queued::may_choose(const Service& service) const {
  if (!has_begun()) return !service.has_waiters();
  return awake_ || service.waiting_ == 1;
}

Task<Service::Waited> Queued::wait(Duration timeout, const Tried& tried) {
  TANDEM_ASSERT(has_begun() && !served_);
  if (service_->stopping_) co_return Service::Waited::refused;
  if (std::exchange(awake_, false) && !tried.empty()) service_->wake_after(ticket_, in_turn_);
  Service::Sleeping sleeping{*this, timeout};
  const auto outcome = co_await sleeping;
  co_return outcome;
}

void Queued::fall_asleep(std::coroutine_handle<> handle, Duration timeout) {
  handle_ = handle;
  auto& sleepers = service_->sleepers_;
  // Those that were awake came before the others: its place is near one of the ends.
  auto behind = sleepers.end();
  if (!sleepers.empty() && sleepers.back()->ticket_ > ticket_) {
    behind = std::find_if(sleepers.begin(), sleepers.end(),
                          [&](const auto* other) { return other->ticket_ > ticket_; });
  }
  place_ = sleepers.insert(behind, this);
  sleeps_ = true;
  service_->wheel_.arm(deadline_, timeout);
}

void Queued::give_up() {
  if (sleeps_) service_->resume_later(*this, Service::Waited::refused);
}

void Service::resume_later(Queued& sleeper, Waited outcome) {
  sleepers_.erase(sleeper.place_);
  sleeper.sleeps_ = false;
  sleeper.deadline_.disarm();
  sleeper.outcome_ = outcome;
  sleeper.awake_ = outcome == Waited::room;
  io_.resume_later(sleeper.handle_);
}

// The first that came after that ticket.
bool Service::wake_after(std::uint64_t ticket, bool in_turn) {
  const auto next = std::find_if(sleepers_.begin(), sleepers_.end(),
                                 [&](const auto* other) { return other->ticket_ > ticket; });
  if (next == sleepers_.end()) return false;
  (*next)->in_turn_ = in_turn;
  resume_later(**next, Waited::room);
  return true;
}

bool Service::wake_one() { return wake_after(0, /*in_turn=*/false); }

void Service::wake_some() { wake_after(0, /*in_turn=*/true); }

void Service::refuse_all() {
  stopping_ = true;
  while (!sleepers_.empty()) resume_later(*sleepers_.front(), Waited::refused);
}

// The loops take turns, by the numbers of those that wait.
void Service::room_made() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const std::size_t all =
      counters_ == nullptr ? 0 : counters_->waiting.load(std::memory_order_relaxed);
  const bool others_wait = setup_.room_elsewhere && all > waiting_;
  if (others_wait) {
    turn_ = (turn_ + 1) % all;
    if (turn_ >= waiting_ || sleepers_.empty()) return setup_.room_elsewhere();
  }
  wake_one();
}

}  // namespace tandem::master
