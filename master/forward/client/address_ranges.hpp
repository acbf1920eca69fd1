// address_ranges.hpp: whether an address is in one of several ranges.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/address_range.hpp"

namespace tandem::master {

inline bool is_among(const std::vector<AddressRange>& ranges, const std::string& address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const auto& range) { return range.contains(address); });
}

}  // namespace tandem::master
