// strong.hpp: distinct types for numbers with distinct meanings. A Term is not a LogIndex, and
// neither is a bare integer.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

#include <fmt/format.h>

namespace tandem {

// A counter distinguished by Tag. Ordered, hashable, formatted as its number.
template <class Tag>
class StrongNumber {
 public:
  constexpr StrongNumber() = default;
  constexpr explicit StrongNumber(std::uint64_t value) : value_(value) {}

  constexpr std::uint64_t value() const { return value_; }
  constexpr StrongNumber next() const { return StrongNumber(value_ + 1); }

  friend constexpr auto operator<=>(StrongNumber, StrongNumber) = default;

 private:
  std::uint64_t value_ = 0;
};

// The number of a leadership: at most one primary has it (Raft, Ongaro 2014, §3.3). 0 = before the
// first election.
using Term = StrongNumber<struct TermTag>;
// A place in the replicated log, from 1. 0 = before the first entry.
using LogIndex = StrongNumber<struct LogIndexTag>;

}  // namespace tandem

template <class Tag>
struct std::hash<tandem::StrongNumber<Tag>> {
  std::size_t operator()(tandem::StrongNumber<Tag> number) const noexcept {
    return std::hash<std::uint64_t>{}(number.value());
  }
};

template <class Tag>
struct fmt::formatter<tandem::StrongNumber<Tag>> : fmt::formatter<std::uint64_t> {
  template <class Context>
  auto format(tandem::StrongNumber<Tag> number, Context& context) const {
    return fmt::formatter<std::uint64_t>::format(number.value(), context);
  }
};
