#include "common/http1/authority.hpp"

#include <algorithm>
#include <array>

namespace tandem {

namespace {

using Characters = std::array<bool, 256>;

constexpr Characters characters(std::string_view which) {
  Characters table{};
  for (const char c : which) table[static_cast<unsigned char>(c)] = true;
  return table;
}

constexpr Characters of_literal = characters("0123456789abcdefABCDEF:.");
constexpr Characters of_name = characters(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "-._~!$&'()*+,;=%");

bool consists_of(const Characters& allowed, std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return allowed[static_cast<unsigned char>(c)]; });
}

// An IPv6 address in brackets; the text between them is not checked.
bool is_literal(std::string_view text) { return text.size() >= 2 && consists_of(of_literal, text); }

// What follows the host: nothing, or a colon and at most five digits.
bool is_port(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() != ':' || text.size() > 6) return false;
  unsigned number = 0;
  for (const char c : text.substr(1)) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  return number <= 65535;
}

}  // namespace

bool is_authority(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    return end != text.npos && is_literal(text.substr(1, end - 1)) && is_port(text.substr(end + 1));
  }
  const auto colon = std::min(text.find(':'), text.size());
  return consists_of(of_name, text.substr(0, colon)) && is_port(text.substr(colon));
}

}  // namespace tandem
