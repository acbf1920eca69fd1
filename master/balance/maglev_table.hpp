// maglev_table.hpp: which worker has which part of the keys (Eisenbud et al., "Maglev: A Fast and
// Reliable Software Network Load Balancer", NSDI 2016, §3.4).
//
// Each worker has its own order of preference for the slots, a permutation derived from its name.
// They take turns, by weight, each taking the free slot that it prefers most. So each gets its
// share to within a slot or two, and when one leaves, few slots change hands besides its own. All
// masters make the same table from the same names.
//
// Few, not none: of N workers' keys at most 1.2/N change hands when one leaves, up to N = 130.
// Beyond that the number of slots is too small; measured: 2.2/N at N = 500, 4.2/N at N = 1,000.
// With the paper's smaller table (65,537 slots) 1.2/N holds up to N = 45. There is only one size,
// because if it changed with the number of workers, all keys would change hands.
//
// Building takes 30 ms; looking up is one read. 1.3 MB. Immutable; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/assert.hpp"

namespace tandem::master {

struct MaglevMember {
  std::string name;
  double weight = 1;  // above 0

  friend bool operator==(const MaglevMember&, const MaglevMember&) = default;
};

class MaglevTable {
 public:
  // A prime, as the permutations need it; the larger one of the paper.
  static constexpr std::uint32_t slot_count = 655'373;

  // REQUIRES: 0 < members < 65,536.
  explicit MaglevTable(std::vector<MaglevMember> members);

  const std::vector<MaglevMember>& members() const { return members_; }
  // The member, as an index into members(). REQUIRES: slot < slot_count.
  std::uint16_t at(std::size_t slot) const { return slots_[slot]; }

 private:
  void fill();

  std::vector<MaglevMember> members_;
  std::vector<std::uint16_t> slots_;
};

}  // namespace tandem::master
