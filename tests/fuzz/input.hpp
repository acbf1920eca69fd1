// input.hpp: what every fuzzer does with its input.
//
// The input is the message itself, so that a corpus file can be read and written by hand. Where it
// is cut into pieces follows from a hash of its bytes: the same input is always cut in the same
// places.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/assert.hpp"

namespace tandem::fuzz {

class Cuts {
 public:
  explicit Cuts(std::string_view input) {
    for (const char c : input) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    if (state_ == 0) state_ = 1;
  }

  // Bytes of the next piece out of `left`: mostly few, sometimes all. REQUIRES: left > 0
  std::size_t next(std::size_t left) {
    const auto word = draw();
    const std::size_t most =
        (word & 7) == 0 ? left : std::min<std::size_t>(left, (word & 1) ? 3 : 40);
    return 1 + (word >> 8) % most;
  }
  bool coin() { return (draw() & 1) != 0; }

 private:
  std::uint64_t draw() {  // xorshift64* (Vigna 2016)
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1d >> 8;
  }
  std::uint64_t state_ = 0xcbf29ce484222325;
};

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace tandem::fuzz
