// duration.hpp: durations as people write them: "100ms", "1s", "1.5s", "10m", "2h", "250us".
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/base/time.hpp"

namespace tandem {

// Parses a non-negative decimal number directly followed by its unit: us, ms, s, m or h.
// Errors: `invalid`, naming `field`, for a missing unit, a sign, or more than 30 days.
Result<Duration> parse_duration(std::string_view text, std::string_view field);

// The shortest exact form: 1500 ms is "1500ms", 2000 ms is "2s".
std::string to_string(Duration duration);

// Whole milliseconds, rounded down; the unit of every duration on the wire.
std::int64_t to_ms(Duration duration);

}  // namespace tandem
