// unreached.hpp: how a master that does not lead tells its primary which voters it does not reach
// (core/reach.hpp): in a header field of each request with messages, left out when it reaches all:
//
//   Tandem-Unreached: w1, w2
//
// Not in the document, because older members refuse unknown members of documents and ignore unknown
// fields. A primary takes the master that says nothing, as older ones do, for one that reaches all.
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/core/ids.hpp"

namespace tandem::wire {

inline constexpr std::string_view unreached_field = "Tandem-Unreached";

// Empty: the field is left out.
std::string unreached_to_string(const std::vector<core::NodeId>& voters);
// A field that is not understood, or names more than limits::voters_max, counts as absent.
std::vector<core::NodeId> parse_unreached(std::string_view field);

}  // namespace tandem::wire
