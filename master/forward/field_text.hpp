// field_text.hpp: the text of field names and values, as RFC 9110 §5 compares and parts it. Pure.
#pragma once

#include <algorithm>
#include <string_view>

namespace tandem::master {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// RFC 9110 §5.1: names, and most tokens, are compared without regard to case.
inline bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

// Without optional white space around it (RFC 9110 §5.6.3).
inline std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Calls visit(member) for each member of a comma-separated list without quoted strings (RFC 9110
// §5.6.1).
template <class Visit>
void for_each_member(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    const auto member = trimmed(list.substr(0, comma));
    if (!member.empty()) visit(member);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

inline bool lists(std::string_view list, std::string_view wanted) {
  bool found = false;
  for_each_member(list, [&](auto member) { found = found || equal_ignoring_case(member, wanted); });
  return found;
}

}  // namespace tandem::master
