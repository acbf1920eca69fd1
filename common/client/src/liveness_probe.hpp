// liveness_probe.hpp: asks a master that keeps a request waiting whether it is alive, on a
// connection of its own: OPTIONS * with Max-Forwards: 0, which a master answers itself at once (RFC
// 9110 §7.6.2).
//
// Over TLS the beginning of a handshake is the question, and whatever comes back a sign of life.
//
// A frozen process, and one behind a cut cable, does not answer, although its kernel may still
// accept connections. Nothing here blocks: the owner polls.
//
// Owner: the thread whose call waits.
#pragma once

#include <atomic>
#include <optional>

#include <poll.h>

#include "common/base/clock.hpp"
#include "common/base/endpoint.hpp"
#include "common/base/time.hpp"
#include "common/client/src/client_tls.hpp"
#include "common/tls/openssl.hpp"

namespace tandem::client {

// When any of the client's calls last heard from a master. Any thread.
class SignOfLife {
 public:
  void seen() { last_.store(now().since_boot().count(), std::memory_order_relaxed); }
  Instant last() const { return Instant(Duration(last_.load(std::memory_order_relaxed))); }

 private:
  std::atomic<Duration::rep> last_ = 0;
};

class LivenessProbe {
 public:
  // Begins to probe the peer of the socket `connected`. `tls`: it is greeted as `master` would be,
  // so that it has something to answer; null: in clear. Both outlive it.
  LivenessProbe(int connected, const Endpoint& master, const ClientTls* tls);
  ~LivenessProbe();
  LivenessProbe(const LivenessProbe&) = delete;
  LivenessProbe& operator=(const LivenessProbe&) = delete;

  enum class Found {
    nothing_yet,
    alive,    // the peer answered, or closed the connection
    gone,     // no connection can be made
    unasked,  // this process is short of something: nothing is known
  };
  // What to poll for; then look() returns the result.
  pollfd watched() const { return {socket_, connected_ ? short{POLLIN} : short{POLLOUT}, 0}; }
  Found look();

 private:
  Found connection_came();

  const Endpoint& master_;
  const ClientTls* const tls_;
  int socket_ = -1;
  tls::SslPtr ssl_;  // once it is connected
  bool connected_ = false;
  std::optional<Found> found_;
};

}  // namespace tandem::client
