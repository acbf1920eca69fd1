// expected_statuses.hpp: the statuses of good answers to a health check: "200-399,404". Pure.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::wire {

class ExpectedStatuses {
 public:
  static constexpr unsigned first = 100;
  static constexpr unsigned last = 599;

  // Parses statuses and ranges of statuses from 100 to 599, separated by commas. Returns nothing
  // for any other text, and for the empty one.
  static std::optional<ExpectedStatuses> parse(std::string_view text);

  bool contains(unsigned status) const {
    return status >= first && status <= last && bits_.test(status - first);
  }
  // As parse() reads it, in ascending order, with the longest possible ranges.
  std::string to_string() const;

  friend bool operator==(const ExpectedStatuses&, const ExpectedStatuses&) = default;

 private:
  std::bitset<last - first + 1> bits_;
};

}  // namespace tandem::wire
