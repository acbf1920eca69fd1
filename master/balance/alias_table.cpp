#include "master/balance/alias_table.hpp"

#include <algorithm>

#include "common/base/assert.hpp"

namespace tandem::master {

void AliasTable::build(std::span<const Candidate> candidates) {
  size_ = candidates.size();
  weights_.clear();
  columns_.clear();
  double sum = 0;
  for (const auto& candidate : candidates) {
    TANDEM_ASSERT(candidate.weight > 0);
    weights_.push_back(candidate.weight);
    sum += candidate.weight;
  }
  const auto differs = [&](double weight) { return weight != weights_.front(); };
  if (std::none_of(weights_.begin(), weights_.end(), differs)) return;
  // Makes columns of equal height: a column that is too high fills up one that is too low.
  std::vector<double> height;
  std::vector<std::uint32_t> low, high;
  for (std::uint32_t place = 0; place < size_; ++place) {
    height.push_back(weights_[place] * static_cast<double>(size_) / sum);
    columns_.push_back({1.0f, place});
    (height[place] < 1 ? low : high).push_back(place);
  }
  while (!low.empty() && !high.empty()) {
    const auto lacking = low.back();
    const auto giving = high.back();
    low.pop_back();
    columns_[lacking] = {static_cast<float>(height[lacking]), giving};
    height[giving] -= 1 - height[lacking];
    if (height[giving] >= 1) continue;
    high.pop_back();
    low.push_back(giving);
  }
}

std::optional<std::size_t> AliasTable::draw_among_all(SplitMix64& random, Usable usable) const {
  std::optional<std::size_t> chosen;
  double sum = 0;
  for (std::size_t place = 0; place < size_; ++place) {
    if (!usable(place)) continue;
    sum += weights_[place];
    if (random.unit() * sum < weights_[place]) chosen = place;
  }
  return chosen;
}

}  // namespace tandem::master
