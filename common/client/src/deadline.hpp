// deadline.hpp: when a call ends: a fixed time after its beginning, or, when its bodies are
// streamed, after a byte of one moved last.
//
// Owner: the thread that calls.
#pragma once

#include "common/base/clock.hpp"
#include "common/base/time.hpp"

namespace tandem::client {

class Deadline {
 public:
  enum class Kind { fixed, renewed };
  Deadline(Duration length, Kind kind) : length_(length), kind_(kind), at_(now() + length) {}

  Instant at() const { return at_; }
  bool has_passed() const { return now() >= at_; }
  // A byte of a streamed body moved.
  void moved() {
    if (kind_ == Kind::renewed) at_ = now() + length_;
  }

 private:
  Duration length_;
  Kind kind_;
  Instant at_;
};

}  // namespace tandem::client
