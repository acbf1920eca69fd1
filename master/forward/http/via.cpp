#include "master/forward/http/via.hpp"

#include <algorithm>

#include "common/http1/field_text.hpp"

namespace tandem::master {

namespace {

// The length of the list member at the start of `value`: up to a comma that is not inside a
// comment.
std::size_t member_length(std::string_view value) {
  int depth = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    switch (value[i]) {
      case '(': ++depth; break;
      case ')': depth = std::max(0, depth - 1); break;
      case '\\': i += depth > 0 ? 1 : 0; break;
      case ',':
        if (depth == 0) return i;
        break;
      default: break;
    }
  }
  return value.size();
}

}  // namespace

bool via_names(std::string_view value, std::string_view pseudonym) {
  while (!value.empty()) {
    const auto length = member_length(value);
    const auto member = trimmed(value.substr(0, length));
    value.remove_prefix(std::min(length + 1, value.size()));
    // received-protocol RWS received-by [ RWS comment ]
    const auto protocol_end = member.find_first_of(" \t");
    if (protocol_end == member.npos) continue;
    const auto rest = trimmed(member.substr(protocol_end));
    if (equal_ignoring_case(rest.substr(0, rest.find_first_of(" \t(")), pseudonym)) return true;
  }
  return false;
}

}  // namespace tandem::master
