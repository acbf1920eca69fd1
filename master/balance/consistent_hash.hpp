// consistent_hash.hpp: sends the same key to the same worker, as long as it is there and not
// overloaded.
//
// The key is looked up in a Maglev table (maglev_table.hpp). When the worker found there is not
// usable, or has more than `bound` times its fair share of the service's requests in flight
// (Mirrokni, Thorup & Zadimoghaddam 2018), the next slots are tried: the overflow of one worker is
// spread over many, and each key always overflows to the same ones. The share counts this loop's
// requests in flight; loops that each keep the bound keep it together.
//
// The table is built elsewhere (maglev_builder.hpp). While a new one is made the old one serves:
// workers that left are skipped, and workers that came get nothing; before the first table is
// ready, some milliseconds after the start, keys are spread by their hashes. A request without a
// key goes anywhere. A worker in slow start keeps its part of the keys, with a lower bound. pick()
// is O(1).
#pragma once

#include <vector>

#include "master/balance/maglev_builder.hpp"
#include "master/balance/policy.hpp"
#include "common/base/splitmix64.hpp"

namespace tandem::master {

class ConsistentHash final : public Policy {
 public:
  static constexpr double bound = 1.25;

  ConsistentHash(std::shared_ptr<MaglevBuilder> builder, const std::string& service,
                 std::uint64_t seed);

  void update(std::span<const Candidate> candidates) override;
  std::optional<std::size_t> pick(const Selection& selection) override;
  void began(std::size_t place) override;
  void ended(std::size_t place) override;

 private:
  static constexpr std::uint32_t nowhere = UINT32_MAX;

  struct Load {
    float share;  // of the service's weight
    std::uint32_t in_flight = 0;
  };

  void adopt_table();
  bool is_over_bound(std::size_t place) const;
  std::optional<std::size_t> search(std::size_t start, Usable usable) const;

  std::shared_ptr<MaglevBuilder> builder_;
  std::shared_ptr<MaglevSlot> slot_;
  std::shared_ptr<const MaglevTable> table_;
  std::uint64_t table_version_ = 0;
  std::vector<std::uint32_t> place_of_;  // member of table_ -> place, or nowhere
  std::vector<Load> loads_;              // by place; so are those below
  std::vector<WorkerId> workers_;
  std::vector<std::string> names_;
  unsigned in_flight_ = 0;
  SplitMix64 random_;
};

}  // namespace tandem::master
