#include "master/forward/tls/tickets.hpp"

#include "common/base/log.hpp"

namespace tandem::master::tls {

void Tickets::tick(Time now, Standing standing, const Use& use) {
  auto due = ring_.since() + interval_;
  if (standing == Standing::primary_awaits) due += interval_ / 24;
  if (standing == Standing::other) due += interval_ / 2;
  if (now >= due) turn(now, use);
}

void Tickets::turn(Time now, const Use& use) {
  ring_.turn(now);
  log::info("ticket keys turned keys={}", ring_.keys().size());
  use(keys());
}

bool Tickets::take(std::string_view bytes, Time now, const Use& use) {
  auto ring = TicketRing::from_bytes(bytes, now);
  if (!ring) return false;
  if (ring->version() == ring_.version()) return true;
  ring_ = std::move(*ring);
  log::info("ticket keys taken from the primary keys={}", ring_.keys().size());
  use(keys());
  return true;
}

}  // namespace tandem::master::tls
