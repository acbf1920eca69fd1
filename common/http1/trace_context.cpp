#include "common/http1/trace_context.hpp"

#include <algorithm>

namespace tandem {

namespace {

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '0'; });
}

}  // namespace

bool is_valid_traceparent(std::string_view value) {
  // version "-" trace-id "-" parent-id "-" flags: 2, 32, 16 and 2 lower-case hex digits.
  constexpr std::size_t length = 55;
  if (value.size() < length || value[2] != '-' || value[35] != '-' || value[52] != '-')
    return false;
  const auto version = value.substr(0, 2);
  const auto trace = value.substr(3, 32);
  const auto parent = value.substr(36, 16);
  if (!is_lower_hex(version) || !is_lower_hex(trace) || !is_lower_hex(parent) ||
      !is_lower_hex(value.substr(53, 2))) {
    return false;
  }
  if (version == "ff" || is_zero(trace) || is_zero(parent)) return false;
  // Later versions may add to the end, behind another dash.
  return value.size() == length || (version != "00" && value[length] == '-');
}

}  // namespace tandem
