// limits.hpp: what waits for another member.
#pragma once

#include <cstddef>

namespace tandem::limits {

// Messages that wait for a peer that does not answer; the oldest are lost, which the protocol
// bears.
inline constexpr std::size_t link_messages_max = 256;

}  // namespace tandem::limits
