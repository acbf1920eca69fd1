#include "common/http1/start_line.hpp"

#include <algorithm>

#include "common/base/ascii.hpp"
#include "common/http1/field_text.hpp"
#include "common/http1/limits.hpp"

namespace tandem {

namespace {

// RFC 9112 §3.2: a target is made of visible ASCII characters.
bool is_visible(char c) { return c > ' ' && c < 0x7f; }

template <class Is>
std::size_t length_of(std::string_view text, Is is) {
  const auto end = std::find_if_not(text.begin(), text.end(), is);
  return static_cast<std::size_t>(end - text.begin());
}

constexpr std::string_view served = "HTTP/1.";

int version_of(char minor) { return minor == '0' ? 10 : 11; }

bool is_served_version(std::string_view text) {
  return text.size() == served.size() + 1 && text.starts_with(served) && is_digit(text.back());
}

}  // namespace

LineStatus read_request_line(std::string_view bytes, RequestLine& line) {
  const bool over = bytes.size() > limits::request_line_bytes_max;
  bytes = bytes.substr(0, limits::request_line_bytes_max);
  const auto unfinished = over ? LineStatus::too_long : LineStatus::incomplete;

  const auto method = length_of(bytes, is_token_character);
  line.method = bytes.substr(0, method);
  if (method == bytes.size()) return unfinished;
  if (method == 0 || bytes[method] != ' ') return LineStatus::malformed;

  auto rest = bytes.substr(method + 1);
  const auto target = length_of(rest, is_visible);
  line.target = rest.substr(0, target);
  if (target > limits::target_bytes_max) return LineStatus::too_long;
  if (target == rest.size()) return unfinished;
  if (target == 0 || rest[target] != ' ') return LineStatus::malformed;

  rest.remove_prefix(target + 1);
  const auto end = rest.find('\n');
  if (end == rest.npos) return unfinished;
  if (end == 0 || rest.find('\r') != end - 1) return LineStatus::malformed;
  const auto version = rest.substr(0, end - 1);
  if (!is_served_version(version)) {
    // If a supported version follows a later space, the target is malformed, not the version.
    const auto space = version.rfind(' ');
    const bool names_served = space != version.npos && is_served_version(version.substr(space + 1));
    return names_served ? LineStatus::malformed : LineStatus::bad_version;
  }
  line.version = version_of(version.back());
  line.bytes = method + 1 + target + 1 + end + 1;
  return LineStatus::complete;
}

LineStatus read_status_line(std::string_view bytes, StatusLine& line) {
  if (bytes.substr(0, served.size()) != served.substr(0, bytes.size())) {
    return LineStatus::malformed;
  }
  const auto end = bytes.find('\n');
  if (end == bytes.npos) return LineStatus::incomplete;
  if (end <= served.size() || bytes[end - 1] != '\r') return LineStatus::malformed;
  // minor version SP status [ SP reason ]
  constexpr std::size_t without_reason = 5;
  const auto text = bytes.substr(served.size(), end - 1 - served.size());
  if (text.size() < without_reason || !is_digit(text[0]) || text[1] != ' ') {
    return LineStatus::malformed;
  }
  line.version = version_of(text[0]);
  line.status = 0;
  for (const char c : text.substr(2, 3)) {
    if (!is_digit(c)) return LineStatus::malformed;
    line.status = line.status * 10 + static_cast<unsigned>(c - '0');
  }
  line.reason = {};
  if (text.size() > without_reason) {
    if (text[without_reason] != ' ') return LineStatus::malformed;
    line.reason = text.substr(without_reason + 1);
    if (!std::all_of(line.reason.begin(), line.reason.end(), is_field_character)) {
      return LineStatus::malformed;
    }
  }
  line.bytes = end + 1;
  return LineStatus::complete;
}

}  // namespace tandem
