// liveness_probe.hpp: asks a master that keeps a request waiting whether it is alive, on a
// connection of its own: OPTIONS * with Max-Forwards: 0, which a master answers itself at once (RFC
// 9110 §7.6.2).
//
// A frozen process, and one behind a cut cable, answers nothing; its kernel may still accept
// connections. Nothing here waits: the owner polls.
//
// Owner: the thread whose call waits.
#pragma once

#include <atomic>
#include <optional>

#include <poll.h>

#include "common/base/clock.hpp"
#include "common/base/time.hpp"

namespace tandem::client {

// When a master was heard last by any of the client's calls. Any thread.
class SignOfLife {
 public:
  void seen() { last_.store(now().since_boot().count(), std::memory_order_relaxed); }
  Instant last() const { return Instant(Duration(last_.load(std::memory_order_relaxed))); }

 private:
  std::atomic<Duration::rep> last_ = 0;
};

class LivenessProbe {
 public:
  // Begins to ask whoever `connected` is a connection to.
  explicit LivenessProbe(int connected);
  ~LivenessProbe();
  LivenessProbe(const LivenessProbe&) = delete;
  LivenessProbe& operator=(const LivenessProbe&) = delete;

  enum class Found {
    nothing_yet,
    alive,    // somebody answered, or closed the connection
    gone,     // nobody can be connected to
    unasked,  // this process lacks what it takes to ask: nothing is known
  };
  // What to poll for; then look() says what came of it.
  pollfd watched() const { return {socket_, connected_ ? short{POLLIN} : short{POLLOUT}, 0}; }
  Found look();

 private:
  Found connection_came();

  int socket_ = -1;
  bool connected_ = false;
  std::optional<Found> found_;
};

}  // namespace tandem::client
