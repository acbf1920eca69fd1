// The part of Loop that copes with what runs out: memory, descriptors, connections.
#include <algorithm>

#include "common/base/limits.hpp"
#include "master/forward/client_session.hpp"
#include "master/forward/loop.hpp"

namespace tandem::master {

std::size_t Loop::memory_in_use() const {
  const auto clients = counters_.client_connections.load(std::memory_order_relaxed);
  return buffers_.borrowed_bytes() + clients * limits::client_connection_bytes;
}

// A loop within its share looks at nobody else's.
Loop::Memory Loop::memory() const {
  const auto budget = options_->memory;
  const auto scarce = budget - budget / 8;
  if (budget == 0 || memory_in_use() * options_->loops < scarce) return Memory::ample;
  const auto all = options_->memory_in_use();
  if (all < scarce) return Memory::ample;
  return all < budget ? Memory::scarce : Memory::exhausted;
}

void Loop::shed_idle(Shed what) {
  const auto now = coarse_now();
  if (now == shed_at_) return;
  shed_at_ = now;
  shed_here(what);
  if (options_->loops > 1) options_->shed_elsewhere(index_, what);
}

void Loop::shed_here(Shed what) {
  assert_here();
  const auto idle_since = coarse_now() - limits::idle_when_scarce;
  const auto most = std::min<std::size_t>(sessions_.size(), limits::shed_looked_at_max);
  unsigned closed = 0;
  // Who was looked at goes to the front, so that all have their turn.
  for (std::size_t looked = 0; looked < most && closed < limits::shed_at_once_max; ++looked) {
    auto& session = sessions_.back();
    sessions_.remove(session);
    sessions_.push_front(session);
    if (session.close_if_idle_since(idle_since)) ++closed;
  }
  if (what == Shed::clients) return;
  for (auto& [name, service] : services_) service->close_idle_before(idle_since);
}

Buffer Loop::borrow_to_stream(std::size_t arrived) {
  const bool needs_large = arrived > limits::buffer_bytes;
  return needs_large || memory() != Memory::exhausted ? buffers_.borrow_large() : buffers_.borrow();
}

}  // namespace tandem::master
