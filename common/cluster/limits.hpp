// limits.hpp: the limits of links between members.
#pragma once

#include <cstddef>

namespace tandem::limits {

// Messages that wait for a peer that does not answer; the oldest are dropped, which the protocol
// tolerates.
inline constexpr std::size_t link_messages_max = 256;

}  // namespace tandem::limits
