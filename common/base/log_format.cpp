#include "common/base/log_format.hpp"

#include <algorithm>
#include <vector>

#include "common/base/ascii.hpp"
#include "common/base/json_text.hpp"

namespace tandem {

namespace {

bool is_name(char c) { return is_lower(c) || c == '_' || is_digit(c); }

// The length of the name that `text` begins with, if an = follows; else 0.
std::size_t name_bytes(std::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_name);
  return end != text.end() && *end == '=' ? static_cast<std::size_t>(end - text.begin()) : 0;
}

// Where the next field begins, behind its space; npos: there is none.
std::size_t next_field(std::string_view text) {
  for (auto space = text.find(' '); space != text.npos; space = text.find(' ', space + 1)) {
    if (name_bytes(text.substr(space + 1)) > 0) return space + 1;
  }
  return text.npos;
}

// The value that `text` begins with, its quotes included.
std::string_view value_of(std::string_view text) {
  if (!text.starts_with('"')) return text.substr(0, text.find(' '));
  // A quote inside of the value is no end: that is followed by a field, or by nothing.
  for (auto quote = text.find('"', 1); quote != text.npos; quote = text.find('"', quote + 1)) {
    const auto rest = text.substr(quote + 1);
    if (rest.empty() || (rest[0] == ' ' && name_bytes(rest.substr(1)) > 0)) {
      return text.substr(0, quote + 1);
    }
  }
  return text;
}

struct LogField {
  std::string_view name;
  std::string_view value;  // with its quotes
};

// Where a name comes twice, or is one of `taken`, the first one counts.
template <class Take>
std::string_view split(std::string_view event, std::vector<std::string_view> taken, Take take) {
  auto at = next_field(event);
  const auto sentence = at == event.npos ? event : event.substr(0, at - 1);
  while (at != event.npos) {
    event.remove_prefix(at);
    const auto name = event.substr(0, name_bytes(event));
    const auto value = value_of(event.substr(name.size() + 1));
    if (std::find(taken.begin(), taken.end(), name) == taken.end()) {
      taken.push_back(name);
      take(LogField{name, value});
    }
    event.remove_prefix(name.size() + 1 + value.size());
    at = next_field(event);
  }
  return sentence;
}

std::string_view without_quotes(std::string_view value) {
  const bool is_quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return is_quoted ? value.substr(1, value.size() - 2) : value;
}

void append_value(std::string& out, std::string_view value) {
  // Leading zeros are no JSON, and more digits are more than a double holds.
  const bool is_number = !value.empty() && value.size() <= 15 &&
                         std::all_of(value.begin(), value.end(), is_digit) &&
                         (value.size() == 1 || value[0] != '0');
  if (is_number) {
    out += value;
    return;
  }
  append_json_text(out, without_quotes(value));
}

}  // namespace

void append_log_members(std::string& out, std::string_view event) {
  std::string members;
  const auto sentence = split(event, {"time", "level", "event"}, [&](const LogField& field) {
    ((members += ",\"") += field.name) += "\":";
    append_value(members, field.value);
  });
  out += R"("event":)";
  append_json_text(out, sentence);
  out += members;
}

std::string journal_message(std::string_view event, char priority, std::string_view program) {
  constexpr std::size_t name_bytes_max = 64;  // of the journal
  std::string message;
  const auto add = [&message](std::string_view name, std::string_view value) {
    (((message += name) += '=') += value) += '\n';
  };
  add("MESSAGE", event);
  add("PRIORITY", {&priority, 1});
  add("SYSLOG_IDENTIFIER", program);
  split(event, {}, [&](const LogField& field) {
    std::string name = "TANDEM_";
    for (const char c : field.name) name += is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
    if (name.size() <= name_bytes_max) add(name, without_quotes(field.value));
  });
  return message;
}

}  // namespace tandem
