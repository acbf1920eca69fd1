// ascii.hpp: kinds of characters, whatever the locale.
#pragma once

#include <algorithm>
#include <string>

namespace tandem {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_letter(char c) { return is_lower(c) || is_upper(c); }
// As they are written here: in lower case.
constexpr bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

constexpr char to_lower(char c) { return is_upper(c) ? static_cast<char>(c | 0x20) : c; }
inline std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), to_lower);
  return text;
}

}  // namespace tandem
