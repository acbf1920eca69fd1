// listener.hpp: accepts client connections for one loop.
//
// Every loop listens on the same address with SO_REUSEPORT, and the kernel spreads connections over
// them by chance; when that has given this loop clearly more than another has, the other one gets
// the connection. Owner: its loop, but for open(), which comes before
// the thread.
#pragma once

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"
#include "master/forward/loop.hpp"

namespace tandem::master {

class Listener {
 public:
  explicit Listener(Loop& loop);

  // Fails when somebody listens there already. (SO_REUSEPORT alone would let two masters of one
  // user share an address without a word.)
  static Result<> check_free(const Endpoint& endpoint);

  // Binds and listens. Returns the address with the port that the kernel chose for port 0.
  // Errors: `io`, with the address and the system's reason.
  Result<Endpoint> open(const Endpoint& endpoint);
  // Starts accepting; runs until close().
  void start() { run(); }
  // Serves what is waiting to be accepted, then stops listening.
  void close();
  bool running() const { return running_; }

 private:
  Detached run();
  // Accepts what waits already, but no more than a batch; false when nobody waits any more.
  bool accept_waiting();
  void take(const Accept& accepted);

  Loop& loop_;
  Socket listening_;
  Event* pause_ = nullptr;  // set when accepting waits for descriptors to become free
  bool running_ = false;
};

}  // namespace tandem::master
