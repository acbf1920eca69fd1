#include "master/forward/workers/cancelled_calls.hpp"

#include <algorithm>
#include <utility>

#include "common/base/assert.hpp"
#include "master/forward/workers/upstream.hpp"

namespace tandem::master {

CancelledCalls::~CancelledCalls() { TANDEM_ASSERT(places_.empty()); }

void CancelledCalls::add(std::shared_ptr<Upstream> upstream, h2::StreamId last_opened, Instant at) {
  TANDEM_ASSERT(upstream_ == nullptr || upstream_ == upstream);
  upstream_ = std::move(upstream);
  places_.push_back({last_opened, at});
}

void CancelledCalls::note_ping_answered() { free(pinged_); }

// A call that was opened after the reset is behind it on the wire.
void CancelledCalls::note_answer(h2::StreamId stream) {
  std::size_t count = 0;
  while (count < places_.size() && places_[count].last_opened < stream) ++count;
  free(count);
}

void CancelledCalls::free_before(Instant at) {
  std::size_t count = 0;
  while (count < places_.size() && places_[count].at < at) ++count;
  free(count);
}

void CancelledCalls::free(std::size_t count) {
  if (count == 0) return;
  places_.erase(places_.begin(), places_.begin() + static_cast<std::ptrdiff_t>(count));
  pinged_ -= std::min(pinged_, count);
  // It may be what keeps the worker's registration, and with it the connection, alive.
  const auto upstream = places_.empty() ? std::exchange(upstream_, nullptr) : upstream_;
  for (; count > 0; --count) upstream->free_kept_place();
}

}  // namespace tandem::master
