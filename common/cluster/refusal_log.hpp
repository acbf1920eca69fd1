// refusal_log.hpp: logs whose messages are refused, and why, without a line for each message.
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
  // A refusal that differs from the last one is logged at once, the same one again after a minute.
  void refused(std::string_view peer_host, std::string_view reason, Instant now);

 private:
  Mutex mutex_;
  std::string last_ TANDEM_GUARDED_BY(mutex_);
  Instant told_ TANDEM_GUARDED_BY(mutex_) = Instant::never();
};

}  // namespace tandem::cluster
