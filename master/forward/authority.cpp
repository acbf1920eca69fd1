#include "master/forward/authority.hpp"

#include <algorithm>
#include <cctype>

namespace tandem::master {

namespace {

// An IPv6 address between brackets, not looked into further.
bool is_literal(std::string_view text) {
  return text.size() >= 2 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isxdigit(c) != 0 || c == ':' || c == '.';
         });
}

bool is_name(std::string_view text) {
  constexpr std::string_view others = "-._~!$&'()*+,;=%";
  return std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return std::isalnum(c) != 0 || others.find(static_cast<char>(c)) != others.npos;
  });
}

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
  return is_name(text.substr(0, colon)) && is_port(text.substr(colon));
}

}  // namespace tandem::master
