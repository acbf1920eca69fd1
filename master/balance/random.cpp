#include "master/balance/random.hpp"
#include "master/balance/policy_factory.hpp"

namespace tandem::master {

std::optional<std::size_t> Random::pick(const Selection& selection) {
  if (table_.size() == 0) return std::nullopt;
  for (int draw = 0; draw < draws_max; ++draw) {
    const auto place = table_.draw(random_);
    if (selection.usable(place)) return place;
  }
  return table_.draw_among_all(random_, selection.usable);
}

std::unique_ptr<Policy> make_random(const PolicyContext& context) {
  return std::make_unique<Random>(context.seed);
}

}  // namespace tandem::master
