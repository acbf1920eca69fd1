// standing_report.hpp: tells systemd how a worker stands: ready once a master knows it, with whom
// it is registered, and that it is alive.
//
// Alive are its threads that must never stand still: the one that accepts connections, and those
// that send heartbeats. Handlers are not asked: one that takes long looks like one that hangs.
//
// Owner: main(). It has a thread of its own, if anybody listens.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "common/base/mutex.hpp"
#include "common/base/time.hpp"
#include "common/service_manager/service_manager.hpp"
#include "tandem/worker.hpp"

namespace tandem {

class StandingReport {
 public:
  // Called on the thread of the report.
  struct Subject {
    std::function<std::vector<MasterState>()> masters;
    std::function<std::uint64_t()> turns{};  // as of a Worker; empty: nothing is accepted
  };
  // What `subject` names outlives it.
  StandingReport(ServiceManager& manager, Subject subject);
  ~StandingReport();
  StandingReport(const StandingReport&) = delete;
  StandingReport& operator=(const StandingReport&) = delete;

  // The worker is about to end, and needs no longer than that; it accepts no more.
  void stopping(Duration at_most);

 private:
  void run();
  bool look();
  void beat(const std::vector<MasterState>& masters);
  bool wait(Duration duration);

  ServiceManager& manager_;
  const Subject subject_;
  std::uint64_t turns_ = 0;  // as last seen; the thread's own
  std::atomic<bool> stopping_{false};
  Mutex mutex_;
  std::condition_variable wake_;
  bool ends_ TANDEM_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace tandem
