// refusal_log.hpp: says in the log whose messages are not taken, and why, without a line for each.
//
// Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "common/base/mutex.hpp"
#include "common/base/time.hpp"

namespace tandem::cluster {

class RefusalLog {
 public:
  // One that differs from the last is told at once, the same again after a minute.
  void refused(std::string_view peer_host, std::string_view reason, Instant now);

 private:
  Mutex mutex_;
  std::string last_ TANDEM_GUARDED_BY(mutex_);
  Instant told_ TANDEM_GUARDED_BY(mutex_) = Instant::never();
};

}  // namespace tandem::cluster
