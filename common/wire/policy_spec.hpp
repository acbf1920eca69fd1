// policy_spec.hpp: which policy chooses, and what of a request it looks at, as an operator says it:
// "p2c", "consistent_hash:header=X-User". Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/wire/policy_list.hpp"
#include "common/wire/request_key_spec.hpp"

namespace tandem::wire {

enum class PolicyName {
#define TANDEM_POLICY_NAME(name, key, help) name,
  TANDEM_POLICIES(TANDEM_POLICY_NAME)
#undef TANDEM_POLICY_NAME
};

struct PolicyInfo {
  enum class Key { plain, keyed };

  PolicyName policy;
  const char* name;
  Key key;           // whether it looks at a key of the request
  const char* help;  // what it chooses, in a few words
};

// In the order of PolicyName.
inline constexpr PolicyInfo policies[] = {
#define TANDEM_POLICY_INFO(name, key, help) {PolicyName::name, #name, PolicyInfo::Key::key, help},
    TANDEM_POLICIES(TANDEM_POLICY_INFO)
#undef TANDEM_POLICY_INFO
};

constexpr const PolicyInfo& info(PolicyName policy) {
  return policies[static_cast<std::size_t>(policy)];
}
constexpr bool is_keyed(PolicyName policy) { return info(policy).key == PolicyInfo::Key::keyed; }

struct PolicySpec {
  PolicyName name = PolicyName::round_robin;
  RequestKeySpec key{};  // of a policy that looks at one

  PolicySpec() = default;
  PolicySpec(PolicyName policy) : name(policy) {}  // NOLINT: most policies have nothing to say

  friend bool operator==(const PolicySpec&, const PolicySpec&) = default;
};

// POLICY, or POLICY:KEY for one that looks at a key, which parse_request_key() reads; without it:
// address.
// Errors: `invalid`, naming `field` and what there is.
Result<PolicySpec> parse_policy(std::string_view text, std::string_view field);
constexpr const char* to_string(PolicyName name) { return info(name).name; }
// As parse_policy() reads it.
std::string to_string(const PolicySpec& spec);
// All of them with what they choose, for --help.
std::string policy_help();

}  // namespace tandem::wire
