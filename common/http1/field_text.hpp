// field_text.hpp: compares and splits field names and values as RFC 9110 §5 defines. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/base/ascii.hpp"

namespace tandem {

namespace detail {

constexpr std::array<bool, 256> token_characters = [] {
  std::array<bool, 256> table{};
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = table[c - 32] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();

// Lower-cases eight ASCII characters at once.
inline std::uint64_t lower_word(std::uint64_t word) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  const auto low_bits = word & (0x7f * ones);
  const auto from_a = low_bits + (0x80 - 'A') * ones;  // bit 7 of each byte: it is 'A' or more
  const auto above_z = low_bits + (0x7f - 'Z') * ones;
  const auto capital = (from_a ^ above_z) & ~word & (0x80 * ones);
  return word | (capital >> 2);
}

template <class Word>
bool equal_words(const char* left, const char* right) {
  Word a, b;
  std::memcpy(&a, left, sizeof a);
  std::memcpy(&b, right, sizeof b);
  return lower_word(a) == lower_word(b);
}

// Compares in words, the last of which overlaps the one before.
template <class Word>
bool equal_in_words(std::string_view left, std::string_view right) {
  const auto last = left.size() - sizeof(Word);
  for (std::size_t i = 0; i < last; i += sizeof(Word)) {
    if (!equal_words<Word>(left.data() + i, right.data() + i)) return false;
  }
  return equal_words<Word>(left.data() + last, right.data() + last);
}

}  // namespace detail

// RFC 9110 §5.6.2: the characters of a token.
inline bool is_token_character(char c) {
  return detail::token_characters[static_cast<unsigned char>(c)];
}

// A token: a method, or the name of a field or a cookie.
inline bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

// RFC 9110 §5.5: the characters of a field's value, which a reason phrase has too.
inline bool is_field_character(char c) {
  return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
}

// RFC 9110 §5.1: names, and most tokens, are compared without regard to case.
inline bool equal_ignoring_case(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  if (left.size() >= 8) return detail::equal_in_words<std::uint64_t>(left, right);
  if (left.size() >= 4) return detail::equal_in_words<std::uint32_t>(left, right);
  return std::equal(left.begin(), left.end(), right.begin(),
                    [](char a, char b) { return to_lower(a) == to_lower(b); });
}

// The text without optional white space around it (RFC 9110 §5.6.3).
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

}  // namespace tandem
