// serving_gate.hpp: whether this master may forward requests to workers at this instant.
//
// All that forwarding reads of the failover protocol before each attempt (R7): a deadline and a
// term. The deadline must be compared with the real clock, never with a loop's coarse one: a
// process that wakes after having been frozen must find the gate shut.
//
// A master that does not lead may hold a grant (core/serving_grant.hpp): then it forwards without a
// term, because the fence of workers is for what only a leader may do (R11).
//
// Written by the cluster's thread, read by any. The term is written before the deadline is opened,
// and read before it: a loop that finds the gate open with an older term sends that term, and the
// worker refuses it (R10).
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "common/base/strong.hpp"
#include "common/base/time.hpp"

namespace tandem::master {

class ServingGate {
 public:
  // ---- the cluster's thread
  void set_term(Term term) { term_.store(term.value(), std::memory_order_release); }
  void set_serve_until(Instant until) {
    until_.store(until.since_boot().count(), std::memory_order_release);
  }
  void set_granted_until(Instant until) {
    granted_until_.store(until.since_boot().count(), std::memory_order_release);
  }

  // ---- any thread
  // The term in which requests may be forwarded at `now`; empty when they may not.
  std::optional<Term> open_at(Instant now) const {
    const Term term(term_.load(std::memory_order_acquire));
    if (until_.load(std::memory_order_acquire) <= now.since_boot().count()) return std::nullopt;
    return term;
  }
  // The same for one that leads or holds a grant: Term() under a grant.
  std::optional<Term> may_forward(Instant now) const {
    if (const auto term = open_at(now)) return term;
    if (granted_until_.load(std::memory_order_acquire) <= now.since_boot().count()) {
      return std::nullopt;
    }
    return Term();
  }
  // Until when it may forward under a grant; never: it holds none.
  Instant granted_until() const {
    return Instant(Duration(granted_until_.load(std::memory_order_acquire)));
  }
  // The instant from which it is shut, as far as known now.
  Instant serve_until() const { return Instant(Duration(until_.load(std::memory_order_acquire))); }

 private:
  std::atomic<std::uint64_t> term_{0};
  std::atomic<std::int64_t> until_{Instant::never().since_boot().count()};
  std::atomic<std::int64_t> granted_until_{Instant::never().since_boot().count()};
};

}  // namespace tandem::master
