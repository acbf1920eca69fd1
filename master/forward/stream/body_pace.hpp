// body_pace.hpp: how fast a body has to move, and whether it does. Pure.
//
// A peer that sends or takes a body byte by byte holds a worker for as long as it likes, and no
// time-out that every byte renews ends that. So the time for which the peer is waited for comes out
// of a credit: it begins with `grace`, and each byte that moves adds what it may take at the least
// rate. A pause is paid for by what was quick before, up to limits::body_credit_max. What is not
// waited for costs nothing: neither a worker that answers little by little, nor one that takes long
// to take an upload.
//
// Whether a peer takes what is sent to it only the kernel knows, by what was acknowledged: room in
// the socket's buffer is reported once a third of it is free, a megabyte of it, which a steady
// reader may need minutes for. SendProgress asks now and then, while a write waits.
#pragma once

#include <cstdint>

#include "common/base/time.hpp"
#include "master/forward/stream/limits.hpp"

namespace tandem::master {

// Of what clients send and take.
struct BodyPaceLimits {
  std::uint64_t bytes_per_s = limits::body_rate_min;  // on average, once grace is over; 0: any
  Duration grace = limits::body_grace;
  Duration whole{0};  // for which a client may be waited for in one body; 0: as long as it takes
};

// Of a worker: it may be as slow as it likes as long as it moves.
inline constexpr BodyPaceLimits any_pace{.bytes_per_s = 0};

class BodyPace {
 public:
  explicit BodyPace(const BodyPaceLimits& limits)
      : limits_(limits), credit_(limits.grace), left_(limits.whole) {}

  // The peer was waited for so long, and so many bytes have moved meanwhile.
  void note(Duration waited, std::uint64_t bytes);
  // It may be waited for so long, unless something moves. Zero: it is too slow.
  Duration patience() const;
  // What `bytes` may take at the least rate; at most limits::body_credit_max.
  Duration time_for(std::uint64_t bytes) const;

 private:
  BodyPaceLimits limits_;
  Duration credit_;
  Duration left_;
};

// What one peer takes, over all writes of a message to it.
class SendProgress {
 public:
  // `idle`: it may take nothing for so long. TCP tells of a slow reader's room by many bytes at
  // once: one that has just made some, after none, may take the time that they need at the least
  // rate, if that is longer.
  SendProgress(Duration idle, const BodyPaceLimits& limits)
      : idle_(idle), tolerated_(idle), limits_(limits), pace_(limits) {}

  // A write begins to wait for the peer.
  void wait(Instant at);
  // It has ended.
  void end(Instant at);
  // What the peer has acknowledged since the connection was made. False: it is to be waited for no
  // longer. REQUIRES: a write waits.
  bool look(Instant at, std::uint64_t acknowledged);
  // When to look again: once the peer was waited for so long, in one write or in several.
  Duration next_look() const;

 private:
  Duration look_period() const;
  void note_taken(Instant at, std::uint64_t bytes);

  Duration idle_;
  Duration tolerated_;
  BodyPaceLimits limits_;
  BodyPace pace_;
  Instant since_;       // the peer is waited for
  Instant moved_at_;    // it took something
  Duration waited_{0};  // since the last look, in writes that have ended
  std::uint64_t acknowledged_ = 0;
  std::uint64_t step_ = 0;        // bytes that it has made room for, after none
  unsigned looks_moving_ = many;  // since it took nothing
  Instant looked_at_ = Instant::never();
  bool waits_ = false;

  static constexpr unsigned many = 3;
};

}  // namespace tandem::master
