// disk.hpp: a data directory on a disk that takes time to write, and loses unfinished writes in a
// power failure: all of them, some of them, or half of the last one.
//
// It checks what must never go back on a disk: the term, the vote of a term (R1), and what was
// known to be committed.
#pragma once

#include <deque>
#include <vector>

#include "common/core/outputs.hpp"
#include "common/base/splitmix64.hpp"
#include "tests/sim/clock_model.hpp"

namespace tandem::sim {

class Disk {
 public:
  // Queues a write; returns when it will be durable.
  SimTime write(core::Write write, SimTime now, SplitMix64& random);
  // The write has reached the disk. Writes finish in order.
  void finish(core::WriteNumber number);
  // The power or the process is gone: unfinished writes are lost, except a random part of them.
  void crash(SplitMix64& random);
  void wipe();

  void set_latency(Duration base, Duration spread) {
    base_ = base;
    spread_ = spread;
  }
  const core::Stored& stored() const { return stored_; }
  std::size_t pending() const { return pending_.size(); }

 private:
  void apply(const core::Write& write);

  core::Stored stored_;
  std::deque<core::Write> pending_;
  SimTime busy_until_{0};  // the sync that is under way ends
  SimTime next_until_{0};  // and so does the one after it, which takes all writes that wait for it
  Duration base_{std::chrono::microseconds(200)};
  Duration spread_{std::chrono::microseconds(800)};
};

}  // namespace tandem::sim
