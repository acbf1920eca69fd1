#include "common/http/connection_slots.hpp"

#include "common/base/assert.hpp"

namespace tandem {

bool ConnectionSlots::enter(Holder& newcomer) {
  TANDEM_ASSERT(newcomer.standing_ == Standing::none);
  const bool full = connections_ >= connections_max_ || strangers_ >= strangers_max_;
  if (full && !evict()) return false;
  ++connections_;
  ++strangers_;
  wait(newcomer);
  return true;
}

void ConnectionSlots::leave(Holder& holder) {
  if (holder.standing_ == Standing::none) return;
  if (holder.standing_ != Standing::trusted) --strangers_;
  --connections_;
  stop_waiting(holder);
  holder.standing_ = Standing::none;
}

bool ConnectionSlots::evict() {
  if (waiting_.empty()) return false;
  auto& evicted = *waiting_.front();
  leave(evicted);
  evicted.close();
  return true;
}

void ConnectionSlots::begin_answer(Holder& holder) {
  if (holder.standing_ != Standing::waiting) return;
  stop_waiting(holder);
  holder.standing_ = Standing::busy;
}

void ConnectionSlots::end_answer(Holder& holder) {
  if (holder.standing_ == Standing::busy) wait(holder);
}

void ConnectionSlots::trust(Holder& holder) {
  if (holder.standing_ == Standing::none || holder.standing_ == Standing::trusted) return;
  stop_waiting(holder);
  --strangers_;
  holder.standing_ = Standing::trusted;
}

void ConnectionSlots::wait(Holder& holder) {
  holder.place_ = waiting_.insert(waiting_.end(), &holder);
  holder.standing_ = Standing::waiting;
}

void ConnectionSlots::stop_waiting(Holder& holder) {
  if (holder.standing_ == Standing::waiting) waiting_.erase(holder.place_);
}

}  // namespace tandem
