// last_day.hpp: until when a token holds: a day of the calendar, to its end, in UTC.
//
// A day, and no instant: it is written by people, who then agree on it in all time zones but for
// hours. Pure: the time is an argument.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem::access {

using WallTime = std::chrono::sys_seconds;
// Of the machine's clock, CLOCK_REALTIME.
WallTime wall_time();

class LastDay {
 public:
  explicit LastDay(std::chrono::year_month_day day) : day_(day) {}

  bool is_over(WallTime now) const;
  // Whole days that are left after today: 0 on the last one, negative when it is over.
  int days_left(WallTime now) const;
  std::string to_string() const;  // 2027-01-31

  friend auto operator<=>(const LastDay&, const LastDay&) = default;

 private:
  std::chrono::year_month_day day_;
};

// Errors: `invalid`, naming `field`: no day of the calendar, or not in the form 2027-01-31.
Result<LastDay> parse_last_day(std::string_view text, std::string_view field);

}  // namespace tandem::access
