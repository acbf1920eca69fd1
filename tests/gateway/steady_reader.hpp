// steady_reader.hpp: readers that keep a pace, however slow, and what may be said of one that was
// kept from it.
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
    for (std::size_t i = 0; i < pieces; ++i) {
      socket.read_exactly(bytes);
      std::this_thread::sleep_for(pause);
      longest_ = longest();
      last_ = std::chrono::steady_clock::now();
    }
  }

  // The longest time from one piece to the next, and also until now.
  std::chrono::steady_clock::duration longest() const {
    return std::max(longest_, std::chrono::steady_clock::now() - last_);
  }

 private:
  std::chrono::steady_clock::duration longest_{};
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// Whether `scene` holds, which also an exception denies. Where the machine has kept the next piece
// from its reader for half of `patience`, the failure says nothing of who is patient for so long:
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
