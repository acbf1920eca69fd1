#include "common/base/clock.hpp"

#include <time.h>

#include "common/base/assert.hpp"

namespace tandem {

Instant now() {
  timespec value{};
  const int failed = clock_gettime(CLOCK_BOOTTIME, &value);
  TANDEM_ASSERT(failed == 0);
  return Instant(std::chrono::seconds(value.tv_sec) + std::chrono::nanoseconds(value.tv_nsec));
}

}  // namespace tandem
