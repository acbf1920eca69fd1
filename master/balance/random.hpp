// random.hpp: any worker, by weight. pick() is O(1).
#pragma once

#include "master/balance/alias_table.hpp"
#include "master/balance/policy.hpp"
#include "common/base/splitmix64.hpp"

namespace tandem::master {

class Random final : public Policy {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}

  void update(std::span<const Candidate> candidates) override { table_.build(candidates); }
  std::optional<std::size_t> pick(const Selection& selection) override;

 private:
  AliasTable table_;
  SplitMix64 random_;
};

}  // namespace tandem::master
