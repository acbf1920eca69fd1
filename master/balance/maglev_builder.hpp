// maglev_builder.hpp: builds Maglev tables on a thread of its own, one for each service, shared by
// all loops: a loop that built one itself would serve nobody for milliseconds.
//
// Each loop asks for a table of its members when they change; the first one to ask starts the work.
// Until the new table is ready the loops use the old one. Any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.hpp"
#include "master/balance/maglev_table.hpp"

namespace tandem::master {

// The table of one service.
class MaglevSlot {
 public:
  // Grows with each table; 0: there is none yet. A single atomic read, made by every pick.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  // The newest table; null before the first.
  std::shared_ptr<const MaglevTable> table() const;

 private:
  friend class MaglevBuilder;

  mutable Mutex mutex_;
  std::shared_ptr<const MaglevTable> table_ TANDEM_GUARDED_BY(mutex_);
  std::vector<MaglevMember> wanted_ TANDEM_GUARDED_BY(mutex_);
  bool queued_ TANDEM_GUARDED_BY(mutex_) = false;
  std::atomic<std::uint64_t> version_{0};
};

class MaglevBuilder {
 public:
  MaglevBuilder();
  ~MaglevBuilder();
  MaglevBuilder(const MaglevBuilder&) = delete;
  MaglevBuilder& operator=(const MaglevBuilder&) = delete;

  // The slot of that service, which all callers share.
  std::shared_ptr<MaglevSlot> slot(const std::string& service);
  // Asks for a table of these members, unless the slot has it or will get it. REQUIRES: not empty.
  void want(const std::shared_ptr<MaglevSlot>& slot, std::vector<MaglevMember> members);
  // Blocks until all requested tables have been made.
  void finish();

 private:
  void run();
  static void build(MaglevSlot& slot);

  Mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::weak_ptr<MaglevSlot>> slots_
      TANDEM_GUARDED_BY(mutex_);  // alive while a policy uses them
  std::size_t slots_reviewed_at_ TANDEM_GUARDED_BY(mutex_) =
      64;  // then slots of services that are gone are removed
  std::vector<std::shared_ptr<MaglevSlot>> queue_ TANDEM_GUARDED_BY(mutex_);  // each at most once
  bool building_ TANDEM_GUARDED_BY(mutex_) = false;
  bool stopping_ TANDEM_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace tandem::master
