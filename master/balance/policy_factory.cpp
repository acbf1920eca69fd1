#include "master/balance/policy_factory.hpp"

#include "master/balance/maglev_builder.hpp"

namespace tandem::master {

std::unique_ptr<Policy> PolicyFactory::make(const wire::PolicySpec& spec,
                                            const std::string& service, std::uint64_t seed) {
  const PolicyContext context{service, seed, *this};
  switch (spec.name) {
#define TANDEM_POLICY_CASE(name, key, help) \
  case wire::PolicyName::name: return make_##name(context);
    TANDEM_POLICIES(TANDEM_POLICY_CASE)
#undef TANDEM_POLICY_CASE
  }
  assertion_failed("a known policy", __FILE__, __LINE__);
}

std::shared_ptr<MaglevBuilder> PolicyFactory::maglev() {
  const Lock lock(mutex_);
  if (!maglev_) maglev_ = std::make_shared<MaglevBuilder>();
  return maglev_;
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
