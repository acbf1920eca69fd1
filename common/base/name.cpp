#include "common/base/name.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/ascii.hpp"
#include "common/base/limits.hpp"

namespace tandem {

namespace {
bool is_name_character(char c) {
  return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
}
}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= limits::name_bytes_max &&
         std::all_of(text.begin(), text.end(), is_name_character);
}

Result<std::string> parse_name(std::string_view text, std::string_view field) {
  if (is_name(text)) return std::string(text);
  return invalid(fmt::format("{} must be 1 to {} characters of A-Z a-z 0-9 . _ -", field,
                             limits::name_bytes_max),
                 std::string(field));
}

}  // namespace tandem
