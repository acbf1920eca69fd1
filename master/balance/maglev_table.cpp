#include "master/balance/maglev_table.hpp"

#include <algorithm>

#include "master/balance/stable_hash.hpp"

namespace tandem::master {

namespace {

constexpr std::uint16_t nobody = 0xffff;

// One member's walk through the slots, in the order of its preference.
struct Walk {
  std::uint32_t slot;
  std::uint32_t skip;
  double share;      // how much of a turn it gets in each round: 1 for the heaviest
  double turns = 0;  // turns that are due
};

}  // namespace

MaglevTable::MaglevTable(std::vector<MaglevMember> members) : members_(std::move(members)) {
  TANDEM_ASSERT(!members_.empty() && members_.size() < nobody);
  slots_.assign(slot_count, nobody);
  fill();
}

void MaglevTable::fill() {
  constexpr auto count = slot_count;
  double heaviest = 0;
  for (const auto& member : members_) heaviest = std::max(heaviest, member.weight);
  std::vector<Walk> walks;
  for (const auto& member : members_) {
    TANDEM_ASSERT(member.weight > 0);
    walks.push_back(
        {.slot = static_cast<std::uint32_t>(stable_hash(member.name, 1) % count),
         .skip = static_cast<std::uint32_t>(stable_hash(member.name, 2) % (count - 1) + 1),
         .share = member.weight / heaviest});
  }
  for (std::uint32_t taken = 0;;) {
    for (std::uint16_t member = 0; member < walks.size(); ++member) {
      auto& walk = walks[member];
      walk.turns += walk.share;
      if (walk.turns < 1) continue;
      walk.turns -= 1;
      while (slots_[walk.slot] != nobody) {
        walk.slot += walk.skip;
        if (walk.slot >= count) walk.slot -= count;
      }
      slots_[walk.slot] = member;
      if (++taken == count) return;
    }
  }
}

}  // namespace tandem::master
