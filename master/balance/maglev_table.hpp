// maglev_table.hpp: which worker has which part of the keys (Eisenbud et al., "Maglev: A Fast and
// Reliable Software Network Load Balancer", NSDI 2016, §3.4).
//
// Each worker has a preference of its own among the slots, a permutation that follows from its
// name; they take turns, by weight, each taking the slot that it likes best among those still free.
// So each has its share to within a slot or two, and when one leaves, few slots change hands but
// its own. All masters make the same table of the same names.
//
// Building costs some 5 ms for 65,537 slots; looking up is one read. Immutable; any thread.
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
  // Primes, as the permutations need it. The paper's rule: a hundred slots for each worker keep the
  // shares within one percent.
  static constexpr std::uint32_t slots_usual = 65'537;
  static constexpr std::uint32_t slots_of_many = 655'373;
  static constexpr std::size_t many_members = slots_usual / 100;

  // REQUIRES: 0 < members < 65,536.
  explicit MaglevTable(std::vector<MaglevMember> members);

  const std::vector<MaglevMember>& members() const { return members_; }
  std::size_t slots() const { return slots_.size(); }
  // The member, as an index into members(). REQUIRES: slot < slots().
  std::uint16_t at(std::size_t slot) const { return slots_[slot]; }

 private:
  void fill();

  std::vector<MaglevMember> members_;
  std::vector<std::uint16_t> slots_;
};

}  // namespace tandem::master
