// maglev_table.hpp: which worker has which part of the keys (Eisenbud et al., "Maglev: A Fast and
// Reliable Software Network Load Balancer", NSDI 2016, §3.4).
//
// Each worker has a preference of its own among the slots, a permutation that follows from its
// name; they take turns, by weight, each taking the slot that it likes best among those still free.
// So each has its share to within a slot or two, and when one leaves, few slots change hands but
// its own. All masters make the same table of the same names.
//
// Few, not none: of N workers' keys at most 1.2/N change hands when one leaves, up to N = 130.
// Above that the slots are fewer than it takes; measured: 2.2/N of 500, 4.2/N of 1,000. With the
// paper's smaller table (65,537 slots) the 1.2/N ends at N = 45. One size for all: where it changed
// with the number of workers all keys would change hands.
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
