#include "common/wire/policy_spec.hpp"

#include <fmt/format.h>

namespace tandem::wire {

namespace {

constexpr PolicyName names[] = {PolicyName::round_robin,       PolicyName::random,
                                PolicyName::least_connections, PolicyName::p2c,
                                PolicyName::consistent_hash,   PolicyName::first_available};
constexpr std::size_t shown_max = 64;  // of what somebody wrote, in sentences

}  // namespace

Result<PolicySpec> parse_policy(std::string_view text, std::string_view field) {
  const auto colon = text.find(':');
  for (const auto name : names) {
    if (text.substr(0, colon) != to_string(name)) continue;
    PolicySpec spec(name);
    if (colon == text.npos) return spec;
    if (name != PolicyName::consistent_hash) break;
    auto key = parse_request_key(text.substr(colon + 1),
                                 fmt::format("{}: the key of consistent_hash", field));
    if (!key) return invalid(key.error().message, std::string(field));
    spec.key = std::move(*key);
    return spec;
  }
  std::string known;
  for (const auto name : names) {
    known += known.empty() ? "" : name == PolicyName::first_available ? " or " : ", ";
    known += to_string(name);
  }
  return invalid(fmt::format("{} must be {}, not \"{}\"", field, known, text.substr(0, shown_max)),
                 std::string(field));
}

const char* to_string(PolicyName name) {
  switch (name) {
    case PolicyName::round_robin: return "round_robin";
    case PolicyName::random: return "random";
    case PolicyName::least_connections: return "least_connections";
    case PolicyName::p2c: return "p2c";
    case PolicyName::consistent_hash: return "consistent_hash";
    case PolicyName::first_available: return "first_available";
  }
  assertion_failed("a known policy", __FILE__, __LINE__);
}

std::string to_string(const PolicySpec& spec) {
  std::string text = to_string(spec.name);
  if (spec.name != PolicyName::consistent_hash) return text;
  if (spec.key == RequestKeySpec()) return text;
  return text + ":" + to_string(spec.key);
}

}  // namespace tandem::wire
