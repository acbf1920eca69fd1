// clock.hpp: the only place that reads the clock. The shell calls it; common/core never does.
#pragma once

#include "common/base/time.hpp"

namespace tandem {

// CLOCK_BOOTTIME. Callable from any thread; about 40 ns.
Instant now();

}  // namespace tandem
