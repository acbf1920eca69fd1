// expected_statuses.hpp: which answers to a health check are good: "200-399,404". Pure.
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

  // Statuses and ranges of them with commas between, each from 100 to 599; nothing when `text` is
  // otherwise, or empty.
  static std::optional<ExpectedStatuses> parse(std::string_view text);

  bool contains(unsigned status) const {
    return status >= first && status <= last && bits_.test(status - first);
  }
  // As parse() reads it, in order, with ranges as long as can be.
  std::string to_string() const;

  friend bool operator==(const ExpectedStatuses&, const ExpectedStatuses&) = default;

 private:
  std::bitset<last - first + 1> bits_;
};

}  // namespace tandem::wire
