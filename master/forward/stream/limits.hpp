// limits.hpp: how fast bodies move.
#pragma once

#include <chrono>
#include <cstdint>

namespace tandem::limits {

using namespace std::chrono_literals;

// A client sends and takes a body at this rate at least, bytes a second on average, once it was
// waited for so long: a modem does four times as much.
inline constexpr std::uint64_t body_rate_min = 1'024;
inline constexpr auto body_grace = 10s;
// What was quicker than that counts for a pause of so long. A reader at that rate whose receive
// buffer makes room by a quarter of a megabyte at a time needs it.
inline constexpr std::chrono::seconds body_credit_max = 5min;
// A client whose worker has said nothing for so long is asked, each time again, whether it is
// still there.
inline constexpr auto client_check = 1s;

}  // namespace tandem::limits
