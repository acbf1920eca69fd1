#include "master/balance/first_available.hpp"

#include <algorithm>

#include "master/balance/policy_factory.hpp"

namespace tandem::master {

namespace {
constexpr std::size_t picks_between_searches_min = 16;
}

void FirstAvailable::update(std::span<const Candidate> candidates) {
  size_ = candidates.size();
  begin_ = 0;
  picks_ = 0;
}

std::optional<std::size_t> FirstAvailable::pick(const Selection& selection) {
  if (++picks_ >= std::max(begin_, picks_between_searches_min)) begin_ = picks_ = 0;
  for (std::size_t step = 0; step < size_; ++step) {
    const auto place = begin_ + step < size_ ? begin_ + step : begin_ + step - size_;
    if (!selection.usable(place)) continue;
    // A worker at which one request failed may still be the first choice of the next.
    if (!selection.again) begin_ = place;
    return place;
  }
  return std::nullopt;
}

std::unique_ptr<Policy> make_first_available(const PolicyContext&) {
  return std::make_unique<FirstAvailable>();
}

}  // namespace tandem::master
