// policy_spec.hpp: which policy chooses, and what of a request it looks at, as an operator says it:
// "p2c", "consistent_hash:header=X-User". Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/wire/request_key_spec.hpp"

namespace tandem::wire {

enum class PolicyName {
  round_robin,
  random,
  least_connections,
  p2c,
  consistent_hash,
  first_available,
};

struct PolicySpec {
  PolicyName name = PolicyName::round_robin;
  RequestKeySpec key{};  // of consistent_hash

  PolicySpec() = default;
  PolicySpec(PolicyName policy) : name(policy) {}  // NOLINT: most policies have nothing to say

  friend bool operator==(const PolicySpec&, const PolicySpec&) = default;
};

// POLICY, or consistent_hash:KEY, with KEY as parse_request_key() reads it; without it: address.
// Errors: `invalid`, naming `field` and what there is.
Result<PolicySpec> parse_policy(std::string_view text, std::string_view field);
const char* to_string(PolicyName name);
// As parse_policy() reads it.
std::string to_string(const PolicySpec& spec);

}  // namespace tandem::wire
