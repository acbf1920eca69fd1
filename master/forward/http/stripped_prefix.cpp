#include "master/forward/http/stripped_prefix.hpp"

#include <algorithm>

#include "common/http1/field_text.hpp"

namespace tandem::master {

namespace {

std::string_view without_default_port(std::string_view authority) {
  for (const std::string_view port : {":80", ":443"}) {
    if (authority.ends_with(port)) return authority.substr(0, authority.size() - port.size());
  }
  return authority;
}

// How many bytes precede the authority in "//a", "http://a" and "https://a"; 0: it has none.
std::size_t before_authority(std::string_view reference) {
  for (const std::string_view begin : {"//", "http://", "https://"}) {
    if (equal_ignoring_case(reference.substr(0, begin.size()), begin)) return begin.size();
  }
  return 0;
}

}  // namespace

std::optional<StrippedPrefix::Place> StrippedPrefix::place_in(const Field& field) const {
  switch (field.name.size()) {
    case 8:
      if (equal_ignoring_case(field.name, "location")) return place_in_reference(field.value);
      break;
    case 10:
      if (equal_ignoring_case(field.name, "set-cookie")) return place_in_cookie(field.value);
      break;
    case 16:
      if (equal_ignoring_case(field.name, "content-location"))
        return place_in_reference(field.value);
      break;
    default: break;
  }
  return std::nullopt;
}

// A relative path ("next", "?page=2") is resolved against the client's target, which has the
// prefix.
std::optional<StrippedPrefix::Place> StrippedPrefix::place_in_reference(
    std::string_view reference) const {
  const auto begin = before_authority(reference);
  if (begin == 0 && !reference.starts_with('/')) return std::nullopt;
  const auto at =
      begin == 0 ? 0 : std::min(reference.find_first_of("/?#", begin), reference.size());
  if (begin != 0 && !is_same_authority(reference.substr(begin, at - begin))) return std::nullopt;
  if (has_prefix(reference.substr(at))) return std::nullopt;
  return Place{.at = at};
}

std::optional<StrippedPrefix::Place> StrippedPrefix::place_in_cookie(
    std::string_view cookie) const {
  std::optional<std::string_view> path;  // the last one counts
  for (auto end = cookie.find(';'); end != cookie.npos; end = cookie.find(';', end + 1)) {
    const auto attribute = cookie.substr(end + 1, cookie.find(';', end + 1) - end - 1);
    const auto equals = attribute.find('=');
    if (equals == attribute.npos) continue;
    if (!equal_ignoring_case(trimmed(attribute.substr(0, equals)), "path")) continue;
    path = trimmed(attribute.substr(equals + 1));
  }
  if (!path || !path->starts_with('/') || has_prefix(*path)) return std::nullopt;
  // "/shop/" would not match "/shop".
  return Place{.at = static_cast<std::size_t>(path->data() - cookie.data()),
               .dropped = *path == "/" ? 1u : 0u};
}

bool StrippedPrefix::is_same_authority(std::string_view authority) const {
  const auto same = [&](std::string_view known) {
    return !known.empty() &&
           equal_ignoring_case(without_default_port(authority), without_default_port(known));
  };
  return same(host) || same(forwarded_host);
}

// Compares whole segments.
bool StrippedPrefix::has_prefix(std::string_view path) const {
  if (!path.starts_with(prefix)) return false;
  const auto rest = path.substr(prefix.size());
  return rest.empty() || prefix.ends_with('/') || rest.find_first_of("/?#") == 0;
}

}  // namespace tandem::master
