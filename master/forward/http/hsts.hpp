// hsts.hpp: Strict-Transport-Security (RFC 6797), by which browsers come by https for as long as it
// says. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace tandem::master {

inline constexpr std::string_view hsts_name = "Strict-Transport-Security";

// max-age=SECONDS[; includeSubDomains][; preload], as it stands in the field; returned as it is
// sent. Errors: `invalid`, naming `flag`.
Result<std::string> parse_hsts(std::string_view text, std::string_view flag);

}  // namespace tandem::master
