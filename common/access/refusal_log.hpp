// refusal_log.hpp: says in the log who was refused, and why, without a line for each: whoever is
// refused can come again thousands of times a second.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/mutex.hpp"
#include "common/base/time.hpp"

namespace tandem::access {

class RefusalLog {
 public:
  // `what`: how its lines begin.
  explicit RefusalLog(std::string what) : what_(std::move(what)) {}

  // The same as last time is told again after a minute, anything else at once; and never more than
  // limits::refusal_lines_max lines in limits::refusal_lines_per, after which one says how many
  // were not told. What strangers sent is made printable.
  void refused(std::string_view peer_host, std::string_view reason, Instant now);

 private:
  const std::string what_;
  Mutex mutex_;
  std::string last_ TANDEM_GUARDED_BY(mutex_);
  Instant told_ TANDEM_GUARDED_BY(mutex_) = Instant::never();
  Instant began_ TANDEM_GUARDED_BY(mutex_) = Instant::never();  // the count of lines
  std::size_t lines_ TANDEM_GUARDED_BY(mutex_) = 0;
  std::uint64_t untold_ TANDEM_GUARDED_BY(mutex_) = 0;
};

}  // namespace tandem::access
