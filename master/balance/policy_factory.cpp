#include "master/balance/policy_factory.hpp"

#include "master/balance/consistent_hash.hpp"
#include "master/balance/first_available.hpp"
#include "master/balance/least_connections.hpp"
#include "master/balance/p2c.hpp"
#include "master/balance/random.hpp"
#include "master/balance/round_robin.hpp"

namespace tandem::master {

PolicyFactory::PolicyFactory(PolicySpec spec) : spec_(std::move(spec)) {
  if (spec_.name == PolicyName::consistent_hash) maglev_ = std::make_shared<MaglevBuilder>();
}

std::unique_ptr<Policy> PolicyFactory::make(const std::string& service, std::uint64_t seed) const {
  switch (spec_.name) {
    case PolicyName::round_robin: return std::make_unique<RoundRobin>(seed);
    case PolicyName::random: return std::make_unique<Random>(seed);
    case PolicyName::least_connections: return std::make_unique<LeastConnections>(seed);
    case PolicyName::p2c: return std::make_unique<P2c>(seed);
    case PolicyName::consistent_hash:
      return std::make_unique<ConsistentHash>(maglev_, service, seed);
    case PolicyName::first_available: return std::make_unique<FirstAvailable>();
  }
  assertion_failed("a known policy", __FILE__, __LINE__);
}

}  // namespace tandem::master
