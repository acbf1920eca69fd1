#include "master/balance/policy.hpp"

#include <fmt/format.h>

#include "master/balance/least_connections.hpp"
#include "master/balance/round_robin.hpp"

namespace tandem::master {

Result<PolicyName> parse_policy(std::string_view text, std::string_view field) {
  for (const auto name : {PolicyName::round_robin, PolicyName::least_connections}) {
    if (text == to_string(name)) return name;
  }
  return invalid(
      fmt::format("{} must be round_robin or least_connections, not \"{}\"", field, text),
      std::string(field));
}

const char* to_string(PolicyName name) {
  switch (name) {
    case PolicyName::round_robin: return "round_robin";
    case PolicyName::least_connections: return "least_connections";
  }
  assertion_failed("a known policy", __FILE__, __LINE__);
}

std::unique_ptr<Policy> make_policy(PolicyName name, std::uint64_t seed) {
  switch (name) {
    case PolicyName::round_robin: return std::make_unique<RoundRobin>(seed);
    case PolicyName::least_connections: return std::make_unique<LeastConnections>(seed);
  }
  assertion_failed("a known policy", __FILE__, __LINE__);
}

}  // namespace tandem::master
