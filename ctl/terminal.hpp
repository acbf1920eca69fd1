// terminal.hpp: the terminal that a program has to itself: keys as they are pressed, and a screen
// of its own, which is left as it was.
//
// Owner: one thread; one object at a time. The terminal is restored also when the program is told
// to end (SIGTERM, SIGHUP): was_told_to_end() says so, and whoever waits for a key is woken.
#pragma once

#include <termios.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "common/base/time.hpp"

namespace tandem::ctl {

class Terminal {
 public:
  // Standard input and output are one.
  static bool is_there();

  // REQUIRES: is_there()
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Lines and columns.
  std::pair<std::size_t, std::size_t> size() const;
  // Replaces what is shown. False: nobody reads any more.
  bool show(const std::string& screen);
  // The next key, within `timeout`; an end of the input is 'q'.
  std::optional<char> key(Duration timeout);
  bool was_told_to_end() const;

 private:
  termios before_;
};

}  // namespace tandem::ctl
