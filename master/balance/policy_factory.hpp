// policy_factory.hpp: makes the policies of all loops, and owns what they share: the thread that
// builds the tables of consistent_hash. Any thread.
#pragma once

#include <memory>
#include <string>

#include "common/base/mutex.hpp"
#include "master/balance/policy.hpp"
#include "common/wire/policy_spec.hpp"

namespace tandem::master {

class MaglevBuilder;

class PolicyFactory {
 public:
  // `seed` differs from loop to loop, so that the loops do not all begin with the same worker.
  std::unique_ptr<Policy> make(const wire::PolicySpec& spec, const std::string& service,
                               std::uint64_t seed);
  // Blocks until all tables that policies have asked for so far are made.
  void finish_tables();

  // The only builder of tables; made on first use.
  std::shared_ptr<MaglevBuilder> maglev();

 private:
  Mutex mutex_;
  std::shared_ptr<MaglevBuilder> maglev_
      TANDEM_GUARDED_BY(mutex_);  // null: no policy of the kind was made yet
};

// What the constructor functions of policies get.
struct PolicyContext {
  const std::string& service;
  std::uint64_t seed;
  PolicyFactory& factory;
};

// Each is defined in the file of its policy: std::unique_ptr<Policy> make_p2c(...).
#define TANDEM_MAKE_POLICY(name, key, help) \
  std::unique_ptr<Policy> make_##name(const PolicyContext& context);
TANDEM_POLICIES(TANDEM_MAKE_POLICY)
#undef TANDEM_MAKE_POLICY

}  // namespace tandem::master
