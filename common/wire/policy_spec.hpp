// policy_spec.hpp: which policy chooses, and which key of the request it uses, as an operator
// writes it: "p2c", "consistent_hash:header=X-User". Pure.
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
  Key key;           // whether it uses a key of the request
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
  RequestKeySpec key{};  // for a policy that uses one

  PolicySpec() = default;
  PolicySpec(PolicyName policy) : name(policy) {}  // NOLINT: most policies have no key

  friend bool operator==(const PolicySpec&, const PolicySpec&) = default;
};

// Parses POLICY, or POLICY:KEY for one that uses a key (see parse_request_key(); the default is
// address). Errors: `invalid`, naming `field` and the possible values.
Result<PolicySpec> parse_policy(std::string_view text, std::string_view field);
constexpr const char* to_string(PolicyName name) { return info(name).name; }
// As parse_policy() reads it.
std::string to_string(const PolicySpec& spec);
// All policies with what they choose, for --help.
std::string policy_help();

}  // namespace tandem::wire
