// via.hpp: finds a gateway's own name in Via, which tells that a message loops (RFC 9110 §7.6.3).
#pragma once

#include <string_view>

namespace tandem::master {

// True when a member of the Via `value` was received by `pseudonym`, in any case of letters.
// Comments, which may hold anything, are skipped.
bool via_names(std::string_view value, std::string_view pseudonym);

}  // namespace tandem::master
