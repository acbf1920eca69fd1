#include "master/forward/http/hsts.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "common/http1/field_text.hpp"

namespace tandem::master {

namespace {

struct Policy {
  std::optional<std::uint32_t> max_age;  // seconds
  bool subdomains = false;
  bool preload = false;
};

bool read_directive(std::string_view text, Policy& policy) {
  constexpr std::string_view age = "max-age=";
  if (equal_ignoring_case(text, "includeSubDomains")) {
    return !std::exchange(policy.subdomains, true);
  }
  if (equal_ignoring_case(text, "preload")) return !std::exchange(policy.preload, true);
  if (!equal_ignoring_case(text.substr(0, age.size()), age) || policy.max_age) return false;
  text.remove_prefix(age.size());
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, policy.max_age.emplace());
  return !text.empty() && parsed.ec == std::errc{} && parsed.ptr == end;
}

}  // namespace

Result<std::string> parse_hsts(std::string_view text, std::string_view flag) {
  Policy policy;
  bool sound = true;
  for (auto rest = text; sound;) {
    const auto end = rest.find(';');
    sound = read_directive(trimmed(rest.substr(0, end)), policy);
    if (end == rest.npos) break;
    rest.remove_prefix(end + 1);
  }
  if (!sound || !policy.max_age) {
    return invalid(fmt::format(
        "{} must be max-age=SECONDS, and behind it any of includeSubDomains and preload, each "
        "after a semicolon, not \"{}\"",
        flag, text.substr(0, 64)));
  }
  return fmt::format("max-age={}{}{}", *policy.max_age,
                     policy.subdomains ? "; includeSubDomains" : "",
                     policy.preload ? "; preload" : "");
}

}  // namespace tandem::master
