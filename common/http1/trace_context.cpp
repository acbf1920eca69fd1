#include "common/http1/trace_context.hpp"

#include <algorithm>

#include "common/base/ascii.hpp"

namespace tandem {

namespace {

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return is_hex_digit(c); });
}

bool is_zero(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '0'; });
}

constexpr std::size_t trace_at = 3;
constexpr std::size_t span_at = 36;
constexpr std::size_t flags_at = 53;

// A part of a key: of `longest` characters at most, and beginning with a letter, or a digit too.
bool is_key_part(std::string_view part, std::size_t longest, bool may_begin_with_digit) {
  if (part.empty() || part.size() > longest) return false;
  if (!is_lower(part[0]) && !(may_begin_with_digit && is_digit(part[0]))) return false;
  return std::all_of(part.begin(), part.end(), [](char c) {
    return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
  });
}

// §3.3.1.3.1: a name, or TENANT@SYSTEM.
bool is_key(std::string_view key) {
  const auto at = key.find('@');
  if (at == key.npos) return is_key_part(key, 256, false);
  return is_key_part(key.substr(0, at), 241, true) && is_key_part(key.substr(at + 1), 14, false);
}

// §3.3.1.3.2
bool is_value(std::string_view value) {
  return !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
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

TraceContext read_traceparent(std::string_view value) {
  TraceContext context;
  value.copy(context.trace.data(), context.trace.size(), trace_at);
  value.copy(context.span.data(), context.span.size(), span_at);
  const char low = value[flags_at + 1];
  context.sampled = ((low <= '9' ? low - '0' : low - 'a' + 10) & 1) != 0;
  return context;
}

TraceparentText traceparent_of(const TraceContext& context) {
  TraceparentText text;
  text.fill('-');
  text[0] = text[1] = text[flags_at] = '0';
  std::copy(context.trace.begin(), context.trace.end(), text.begin() + trace_at);
  std::copy(context.span.begin(), context.span.end(), text.begin() + span_at);
  text[flags_at + 1] = context.sampled ? '1' : '0';
  return text;
}

bool TracestateCheck::add(std::string_view line) {
  bytes_ += line.size();
  if (bytes_ > bytes_max) return false;
  for (;;) {
    const auto comma = line.find(',');
    auto member = line.substr(0, comma);
    while (!member.empty() && (member.front() == ' ' || member.front() == '\t'))
      member.remove_prefix(1);
    while (!member.empty() && (member.back() == ' ' || member.back() == '\t'))
      member.remove_suffix(1);
    // Empty members are allowed (§3.3.1.2).
    if (!member.empty() && !add_member(member)) return false;
    if (comma == line.npos) return true;
    line.remove_prefix(comma + 1);
  }
}

bool TracestateCheck::add_member(std::string_view member) {
  const auto equals = member.find('=');
  if (equals == member.npos || members_ == members_max) return false;
  const auto key = member.substr(0, equals);
  if (!is_key(key) || !is_value(member.substr(equals + 1))) return false;
  const auto* const end = keys_.data() + members_;
  if (std::find(static_cast<const std::string_view*>(keys_.data()), end, key) != end) return false;
  keys_[members_++] = key;
  return true;
}

}  // namespace tandem
