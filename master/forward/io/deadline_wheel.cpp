#include "master/forward/io/deadline_wheel.hpp"

#include "common/base/assert.hpp"

namespace tandem::master {

void Deadline::link_before(Deadline* place) {
  next_ = place;
  prev_ = place->prev_;
  prev_->next_ = this;
  place->prev_ = this;
}

void Deadline::disarm() {
  if (next_ == nullptr) return;
  prev_->next_ = next_;
  next_->prev_ = prev_;
  next_ = prev_ = nullptr;
  if (wheel_ != nullptr) --wheel_->armed_count_;
}

DeadlineWheel::DeadlineWheel(Instant start) : start_(start) {
  for (auto& head : slots_) head.next_ = head.prev_ = &head;
}

DeadlineWheel::~DeadlineWheel() {
  for (auto& head : slots_) {
    while (head.next_ != &head) head.next_->disarm();
    head.next_ = head.prev_ = nullptr;
  }
}

void DeadlineWheel::arm(Deadline& deadline, Duration timeout) {
  TANDEM_ASSERT(deadline.function_ != nullptr);
  TANDEM_ASSERT(timeout >= Duration::zero());
  deadline.disarm();
  // The present tick is partly over: one more, so that nothing fires early.
  const auto ticks = static_cast<std::uint64_t>((timeout + tick - 1ns) / tick) + 1;
  deadline.due_tick_ = now_tick_ + ticks;
  deadline.expired_ = false;
  deadline.wheel_ = this;
  deadline.link_before(&slots_[deadline.due_tick_ % slots]);
  ++armed_count_;
}

void DeadlineWheel::fire_slot(std::uint64_t tick_number) {
  // What fires is first moved to a list of its own: a callback may arm and disarm anything.
  auto& head = slots_[tick_number % slots];
  Deadline due;
  due.next_ = due.prev_ = &due;
  for (Deadline* each = head.next_; each != &head;) {
    Deadline* following = each->next_;
    if (each->due_tick_ <= tick_number) {
      each->disarm();
      ++armed_count_;
      each->link_before(&due);
    }
    each = following;
  }
  while (due.next_ != &due) {
    Deadline* expired = due.next_;
    expired->disarm();
    expired->expired_ = true;
    expired->function_(expired->context_);
  }
  due.next_ = due.prev_ = nullptr;
}

void DeadlineWheel::advance(Instant now) {
  const auto target = static_cast<std::uint64_t>((now - start_) / tick);
  // After a stall longer than a turn each slot is visited once, as the last tick that it stands
  // for.
  if (target > now_tick_ + slots) now_tick_ = target - slots;
  while (now_tick_ < target) fire_slot(++now_tick_);
}

void DeadlineWheel::skip_to(Instant now) {
  TANDEM_ASSERT(now >= coarse_now());
  start_ = start_ + (now - coarse_now());
}

}  // namespace tandem::master
