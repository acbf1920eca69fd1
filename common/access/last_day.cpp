#include "common/access/last_day.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "common/base/ascii.hpp"

namespace tandem::access {

namespace chrono = std::chrono;

WallTime wall_time() { return chrono::floor<chrono::seconds>(chrono::system_clock::now()); }

int LastDay::days_left(WallTime now) const {
  return static_cast<int>((chrono::sys_days(day_) - chrono::floor<chrono::days>(now)).count());
}

bool LastDay::is_over(WallTime now) const { return days_left(now) < 0; }

std::string LastDay::to_string() const {
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day_.year()),
                     static_cast<unsigned>(day_.month()), static_cast<unsigned>(day_.day()));
}

Result<LastDay> parse_last_day(std::string_view text, std::string_view field) {
  constexpr std::string_view form = "0000-00-00";
  const auto is_like = [](char shape, char c) { return shape == '-' ? c == '-' : is_digit(c); };
  if (std::equal(form.begin(), form.end(), text.begin(), text.end(), is_like)) {
    const auto number = [&](std::size_t at, std::size_t size) {
      int value = 0;
      std::from_chars(text.data() + at, text.data() + at + size, value);
      return value;
    };
    const chrono::year_month_day day(chrono::year(number(0, 4)),
                                     chrono::month(static_cast<unsigned>(number(5, 2))),
                                     chrono::day(static_cast<unsigned>(number(8, 2))));
    if (day.ok()) return LastDay(day);
  }
  return invalid(fmt::format("{} must be a day of the calendar, such as 2027-01-31", field),
                 std::string(field));
}

}  // namespace tandem::access
