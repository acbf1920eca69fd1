// standby_traffic.hpp: what becomes of the client requests that reach a master while another leads.
#pragma once

#include <string_view>

#include "common/base/result.hpp"

namespace tandem::master {

enum class StandbyTraffic {
  forward,   // passed on to the primary, whose answer is passed back
  redirect,  // 307: the client goes to the primary itself
  refuse,    // 503: whoever is in front of the masters sends requests to the primary alone
  serve,     // sent to workers, under a grant of the primary; without one as `forward`
};

// "forward", "redirect", "refuse", "serve". Errors: `invalid`, naming `field` and the words there
// are.
Result<StandbyTraffic> parse_standby_traffic(std::string_view text, std::string_view field);

}  // namespace tandem::master
