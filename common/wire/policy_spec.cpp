#include "common/wire/policy_spec.hpp"

#include <fmt/format.h>

#include "common/wire/limits.hpp"

namespace tandem::wire {

Result<PolicySpec> parse_policy(std::string_view text, std::string_view field) {
  const auto colon = text.find(':');
  for (const auto& each : policies) {
    if (text.substr(0, colon) != each.name) continue;
    PolicySpec spec(each.policy);
    if (colon == text.npos) return spec;
    if (!is_keyed(each.policy)) break;
    auto key = parse_request_key(text.substr(colon + 1),
                                 fmt::format("{}: the key of {}", field, each.name));
    if (!key) return invalid(key.error().message, std::string(field));
    spec.key = std::move(*key);
    return spec;
  }
  std::string known;
  for (const auto& each : policies) {
    const bool is_last = &each == std::end(policies) - 1;
    known += known.empty() ? "" : is_last ? " or " : ", ";
    known += each.name;
  }
  return invalid(fmt::format("{} must be {}, not \"{}\"", field, known,
                             text.substr(0, limits::shown_text_max)),
                 std::string(field));
}

std::string to_string(const PolicySpec& spec) {
  std::string text = to_string(spec.name);
  if (!is_keyed(spec.name) || spec.key == RequestKeySpec()) return text;
  return text + ":" + to_string(spec.key);
}

std::string policy_help() {
  std::string text;
  for (const auto& each : policies) {
    text += fmt::format("{}{}{}: {}", text.empty() ? "" : "; ", each.name,
                        is_keyed(each.policy) ? "[:KEY]" : "", each.help);
  }
  return text + "; KEY is address, path, header=NAME or cookie=NAME";
}

}  // namespace tandem::wire
