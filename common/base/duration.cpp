#include "common/base/duration.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

namespace tandem {

namespace {

struct Unit {
  std::string_view name;
  Duration length;
};

// Longest first, so that to_string() finds the shortest exact form.
constexpr std::array<Unit, 5> units{{{"h", 1h}, {"m", 1min}, {"s", 1s}, {"ms", 1ms}, {"us", 1us}}};
constexpr Duration longest = 30 * 24h;

}  // namespace

Result<Duration> parse_duration(std::string_view text, std::string_view field) {
  const auto malformed =
      invalid(fmt::format("{} must be a duration such as 100ms, 1s or 10m, not \"{}\"", field,
                          text.substr(0, 64)),
              std::string(field));
  const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string number(text.substr(0, digits));
  if (number.empty() || number.size() > 15 || std::count(number.begin(), number.end(), '.') > 1 ||
      number.front() == '.' || number.back() == '.') {
    return malformed;
  }
  for (const auto& unit : units) {
    if (text.substr(digits) != unit.name) continue;
    const double value =
        std::strtod(number.c_str(), nullptr) * static_cast<double>(unit.length.count());
    if (value > static_cast<double>(longest.count())) {
      return invalid(fmt::format("{} must be at most 720h, not \"{}\"", field, text),
                     std::string(field));
    }
    return Duration(static_cast<Duration::rep>(value + 0.5));
  }
  return malformed;
}

std::string to_string(Duration duration) {
  for (const auto& unit : units) {
    if (duration.count() != 0 && duration % unit.length == Duration::zero()) {
      return fmt::format("{}{}", duration / unit.length, unit.name);
    }
  }
  return duration.count() == 0 ? "0s" : fmt::format("{}ns", duration.count());
}

std::int64_t to_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace tandem
