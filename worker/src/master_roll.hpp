// master_roll.hpp: whose certificate is that of a master of this cluster, at a worker that serves
// TLS.
//
// A certificate says that its owner was a master when it was issued. Whether it is one now is what
// the masters' answers to heartbeats say. A master that was added a moment ago may lead, and send
// requests, before the next heartbeat would tell: so one that is not on the roll is asked for, once
// more, before it is refused. As long as no answer has told, all masters count.
//
// Any thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <string>
#include <vector>

#include "common/base/mutex.hpp"
#include "common/base/time.hpp"

namespace tandem {

class MasterRoll {
 public:
  // `ask` has the masters asked who they are, and does not wait; it is called at most once each
  // limits::roll_asked_every, by the thread that calls has().
  explicit MasterRoll(std::function<void()> ask) : ask_(std::move(ask)) {}

  // Empty: nobody knows.
  void take(std::vector<std::string> names);

  // Waits for limits::roll_patience when that master is not on the roll.
  bool has(const std::string& master);

 private:
  bool lists(const std::string& master) const TANDEM_REQUIRES(mutex_);

  const std::function<void()> ask_;
  Mutex mutex_;
  std::condition_variable taken_;
  std::vector<std::string> names_ TANDEM_GUARDED_BY(mutex_);
  Instant asked_ TANDEM_GUARDED_BY(mutex_);
};

}  // namespace tandem
