// first_available.hpp: the first usable worker, in the order of their names: the next one is used
// when all before it are full. For services that pay for each worker in use, so that the last ones
// stay idle.
//
// The search begins where the last one ended, or further in front if a request of this loop ended
// there. Now and then it begins at the very first worker, because another loop or a good sign may
// have made room. pick() is amortized O(1): a complete search happens at most once in as many picks
// as it has steps.
#pragma once

#include "master/balance/policy.hpp"

namespace tandem::master {

class FirstAvailable final : public Policy {
 public:
  void update(std::span<const Candidate> candidates) override;
  std::optional<std::size_t> pick(const Selection& selection) override;
  void ended(std::size_t place) override { begin_ = std::min(begin_, place); }

 private:
  std::size_t size_ = 0;
  std::size_t begin_ = 0;  // those before it were not usable when last examined
  std::size_t picks_ = 0;  // since the last complete search
};

}  // namespace tandem::master
