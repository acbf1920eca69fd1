// record_sizes.hpp: how much content goes into each record of TLS that is sent.
//
// A client can read nothing of a record before its last byte has come. So records fit into one
// packet at first, while what a connection may send at once is little, and are as long as they may
// be once some have been sent, which costs least. After a pause the network forgets (RFC 2861), and
// it begins anew.
//
// Pure.
#pragma once

#include <cstddef>

#include "common/base/time.hpp"

namespace tandem::master {

class RecordSizes {
 public:
  static constexpr std::size_t small = 1'400;  // with what TLS and TCP add, below an MTU of 1500
  static constexpr std::size_t large = 16 * 1024;        // RFC 8446 §5.1
  static constexpr std::size_t small_until = 32 * 1024;  // content: some more than a first window
  static constexpr Duration pause = 1s;

  // A write begins.
  void begin(Instant now) {
    if (now - last_ >= pause) sent_ = 0;
    last_ = now;
  }
  // Of the next record, at most.
  std::size_t next() const { return sent_ < small_until ? small : large; }
  void sent(std::size_t bytes) { sent_ += bytes; }

 private:
  std::size_t sent_ = 0;  // content since the last pause
  Instant last_;
};

}  // namespace tandem::master
