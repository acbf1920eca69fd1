// patience.hpp: how much of what helps nobody a connection may still do: one token bucket over all
// kinds of it (resets, needless SETTINGS, PINGs, empty frames and so on).
//
// A request that was answered to its end gives a point back, so that a busy connection on which
// some requests are cancelled is not taken for an attack. Pure: time is passed in. Owner: a
// Session.
#pragma once

#include <cstdint>

#include "master/forward/http/h2/limits.hpp"
#include "common/base/time.hpp"

namespace tandem::master::h2 {

// Points that one of them costs.
struct Cost {
  static constexpr std::uint32_t rapid_reset = 10;  // a request that is withdrawn as soon as sent
  static constexpr std::uint32_t reset = 2;         // one that was withdrawn before its answer
  static constexpr std::uint32_t reset_of_answer = 1;  // ... while its answer was coming
  static constexpr std::uint32_t reset_by_us = 10;     // that the peer has made us reset
  static constexpr std::uint32_t refused = 5;  // one stream above the number that is allowed
  static constexpr std::uint32_t settings = 10;
  static constexpr std::uint32_t ping = 2;
  static constexpr std::uint32_t window_update = 1;
  static constexpr std::uint32_t empty_data = 2;
  static constexpr std::uint32_t continuation = 2;
  static constexpr std::uint32_t priority = 1;
  static constexpr std::uint32_t unknown = 1;  // frames of types that nobody has told us of
  static constexpr std::uint32_t late = 1;     // frames on streams that have ended
};

class Patience {
 public:
  enum class State : std::uint8_t {
    fine,
    thin,  // a quarter is left: the peer is told to go away
    out,
  };

  // Something happened at `now` that costs `points`. Once it is out, it stays so.
  State charge(std::uint32_t points, Instant now);
  // Something useful was done.
  void reward(std::uint32_t points);
  std::uint32_t points() const { return static_cast<std::uint32_t>(thousandths_ / 1000); }

 private:
  static constexpr std::uint64_t full = limits::h2_patience_points * std::uint64_t{1000};

  std::uint64_t thousandths_ = full;
  Instant refilled_{};
  bool is_out_ = false;
};

}  // namespace tandem::master::h2
