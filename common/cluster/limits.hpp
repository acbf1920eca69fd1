// limits.hpp: the limits of links between members.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::limits {

using namespace std::chrono_literals;

// Messages that wait for a peer that does not answer; the oldest are dropped, which the protocol
// tolerates.
inline constexpr std::size_t link_messages_max = 256;

// Links that witnesses have made: some are kept of those that do not vote yet. Below
// known_nodes_max, which also has the masters.
inline constexpr std::size_t accepted_links_max = 24;
// A master says something on such a link at least so often, and a witness that hears nothing for
// link_idle_max makes another: a link that nothing passes any more is noticed at both ends.
inline constexpr auto link_greeted_every = 1s;
// How often one that has nothing to say looks whether its peer still is one, by its certificate.
inline constexpr auto link_judged_every = 500ms;
inline constexpr auto link_idle_max = 5s;
// How long the last request for the vote of a witness that is away is kept: it connects within
// link_idle_max, and an older request is at worst refused.
inline constexpr auto vote_request_kept = 5s;

}  // namespace tandem::limits
