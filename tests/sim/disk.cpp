#include "tests/sim/disk.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "tests/sim/violation.hpp"

namespace tandem::sim {

SimTime Disk::write(core::Write write, SimTime now, SplitMix64& random) {
  const Duration takes = base_ + random.up_to(spread_);
  if (now >= next_until_) {
    busy_until_ = next_until_ = now + takes;
  } else if (now >= busy_until_ || next_until_ == busy_until_) {
    busy_until_ = next_until_;
    next_until_ = busy_until_ + takes;
  }
  pending_.push_back(std::move(write));
  if (pending_.size() > 4096) throw Violation("a disk's queue grows without bound");
  return next_until_;
}

void Disk::finish(core::WriteNumber number) {
  while (!pending_.empty() && pending_.front().number <= number) {
    apply(pending_.front());
    pending_.pop_front();
  }
}

void Disk::crash(SplitMix64& random) {
  if (!pending_.empty()) {
    const auto survive = random.below(pending_.size() + 1);
    for (std::uint64_t i = 0; i < survive; ++i) apply(pending_[i]);
    if (survive < pending_.size() && random.below(2) == 0) {
      core::Write torn = pending_[survive];
      // A snapshot, and what replaces the whole log, is there as a whole or not at all.
      const bool is_whole = torn.snapshot != nullptr || torn.truncate_from == LogIndex(1);
      torn.append.resize(random.below(torn.append.size() + 1));
      if (!is_whole) apply(torn);
    }
  }
  pending_.clear();
  busy_until_ = next_until_ = SimTime{0};
}

void Disk::wipe() {
  stored_ = core::Stored{};
  pending_.clear();
}

void Disk::apply(const core::Write& write) {
  if (write.hard_state) {
    const auto& old = stored_.hard_state;
    const auto& fresh = *write.hard_state;
    if (fresh.term < old.term) throw Violation("a durable term went back");
    if (fresh.term == old.term && !old.vote.empty() && fresh.vote != old.vote) {
      throw Violation(fmt::format("a durable vote of term {} was given again, to {} after {} (R1)",
                                  old.term, fresh.vote.node, old.vote.node));
    }
    if (old.cluster.value() != 0 && fresh.cluster != old.cluster)
      throw Violation("a cluster id changed");
    stored_.hard_state = fresh;
  }
  auto& entries = stored_.entries;
  if (write.snapshot != nullptr) {
    stored_.snapshot = write.snapshot;
    if (write.discard_log) entries.clear();
    const auto kept = std::find_if(entries.begin(), entries.end(), [&](const core::Entry& entry) {
      return entry.index > write.snapshot->index;
    });
    entries.erase(entries.begin(), kept);
  }
  if (write.truncate_from) {
    while (!entries.empty() && entries.back().index >= *write.truncate_from) entries.pop_back();
  }
  for (const auto& entry : write.append) {
    const LogIndex edge = stored_.snapshot == nullptr ? LogIndex(0) : stored_.snapshot->index;
    const LogIndex last = entries.empty() ? edge : entries.back().index;
    if (entry.index != last.next()) throw Violation("a gap in a durable log");
    entries.push_back(entry);
  }
}

}  // namespace tandem::sim
