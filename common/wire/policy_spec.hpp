// policy_spec.hpp: which policy chooses, and what of a request it looks at, as an operator says it:
// "p2c", "consistent_hash:header=X-User". Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem::wire {

enum class PolicyName {
  round_robin,
  random,
  least_connections,
  p2c,
  consistent_hash,
  first_available,
};

// What requests are told apart by.
enum class KeySource { address, header, cookie, path };

struct PolicySpec {
  PolicyName name = PolicyName::round_robin;
  KeySource key = KeySource::address;  // of consistent_hash
  std::string key_name{};              // of the header or the cookie

  PolicySpec() = default;
  PolicySpec(PolicyName policy) : name(policy) {}  // NOLINT: most policies have nothing to say

  friend bool operator==(const PolicySpec&, const PolicySpec&) = default;
};

// POLICY, or consistent_hash:KEY with KEY one of address (also without it), path, header=NAME,
// cookie=NAME. Errors: `invalid`, naming `field` and what there is.
Result<PolicySpec> parse_policy(std::string_view text, std::string_view field);
const char* to_string(PolicyName name);
// As parse_policy() reads it.
std::string to_string(const PolicySpec& spec);

// A name that a header or a cookie can have (RFC 9110 §5.6.2), 1 to 64 characters.
bool is_token(std::string_view text);

}  // namespace tandem::wire
