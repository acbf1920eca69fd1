#include "master/balance/policy_factory.hpp"

#include "master/balance/consistent_hash.hpp"
#include "master/balance/first_available.hpp"
#include "master/balance/least_connections.hpp"
#include "master/balance/p2c.hpp"
#include "master/balance/random.hpp"
#include "master/balance/round_robin.hpp"

namespace tandem::master {

std::unique_ptr<Policy> PolicyFactory::make(const wire::PolicySpec& spec,
                                            const std::string& service, std::uint64_t seed) {
  switch (spec.name) {
    case wire::PolicyName::round_robin: return std::make_unique<RoundRobin>(seed);
    case wire::PolicyName::random: return std::make_unique<Random>(seed);
    case wire::PolicyName::least_connections: return std::make_unique<LeastConnections>(seed);
    case wire::PolicyName::p2c: return std::make_unique<P2c>(seed);
    case wire::PolicyName::consistent_hash: {
      const Lock lock(mutex_);
      if (!maglev_) maglev_ = std::make_shared<MaglevBuilder>();
      return std::make_unique<ConsistentHash>(maglev_, service, seed);
    }
    case wire::PolicyName::first_available: return std::make_unique<FirstAvailable>();
  }
  assertion_failed("a known policy", __FILE__, __LINE__);
}

void PolicyFactory::finish_tables() {
  std::shared_ptr<MaglevBuilder> maglev;
  {
    const Lock lock(mutex_);
    maglev = maglev_;
  }
  if (maglev) maglev->finish();
}

}  // namespace tandem::master
