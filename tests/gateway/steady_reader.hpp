// steady_reader.hpp: readers that keep a pace, however slow, and what may be said of one that was
// kept from it.
// it.
#pragma once

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <thread>

#include "raw_socket.hpp"

namespace tandem::test {

class SteadyReader {
 public:
  // Takes so many bytes in so many pieces, with a pause after each.
  void read(RawSocket& socket, std::size_t pieces, std::size_t bytes,
            std::chrono::milliseconds pause) {
    auto before = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < pieces; ++i) {
      socket.read_exactly(bytes);
      std::this_thread::sleep_for(pause);
      const auto now = std::chrono::steady_clock::now();
      longest_ = std::max(longest_, now - before);
      before = now;
    }
  }

  // From one piece to the next.
  std::chrono::steady_clock::duration longest() const { return longest_; }

 private:
  std::chrono::steady_clock::duration longest_{};
};

// Whether `scene` holds, which also an exception denies. Where the machine has kept its reader from
// the next piece for half of `patience`, the failure says nothing of who is patient for so long:
// the scene is played again.
inline bool holds_at_a_steady_pace(std::chrono::milliseconds patience,
                                   const std::function<bool(SteadyReader&)>& scene) {
  for (int tries = 0; tries < 10; ++tries) {
    SteadyReader reader;
    try {
      if (scene(reader)) return true;
    } catch (const std::exception&) {  // the stream has ended
    }
    if (reader.longest() < patience / 2) return false;
  }
  return false;
}

}  // namespace tandem::test
