// alias_table.hpp: drawing by weight in constant time (the alias method: Walker 1974, Vose 1991).
//
// Equal weights, the usual case, need no table and touch no memory. build() is O(n). Owner: a
// policy, on its loop.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "master/balance/policy.hpp"
#include "common/base/splitmix64.hpp"

namespace tandem::master {

class AliasTable {
 public:
  void build(std::span<const Candidate> candidates);
  std::size_t size() const { return size_; }
  // Draws a place by weight. REQUIRES: size() > 0.
  std::size_t draw(SplitMix64& random) const {
    const auto column = random.below(size_);
    if (columns_.empty()) return column;
    return random.unit() < columns_[column].share ? column : columns_[column].alias;
  }
  // Draws a usable place by weight, after looking at all; nothing when there is none.
  std::optional<std::size_t> draw_among_all(SplitMix64& random, Usable usable) const;

 private:
  struct Column {
    float share;          // the part of the column that belongs to its own place
    std::uint32_t alias;  // the place that the rest belongs to
  };
  std::vector<Column> columns_;  // empty: all weights are equal
  std::vector<double> weights_;
  std::size_t size_ = 0;
};

}  // namespace tandem::master
