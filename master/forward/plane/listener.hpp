// listener.hpp: accepts client connections for one loop, at one of the addresses where clients are
// served.
//
// Every loop listens on the same addresses with SO_REUSEPORT, and the kernel spreads connections
// over them at random. When this loop has clearly more connections than another, the other one gets
// the next. When there is no room for more, because of the limit or for want of descriptors, idle
// clients are closed, and new ones wait in the kernel's queue. Owner: its loop, but for open(),
// which comes before the thread.
#pragma once

#include "common/base/result.hpp"
#include "master/forward/plane/loop.hpp"

namespace tandem::master {

class Listener {
 public:
  // `index`: of the address among those of its loop.
  Listener(Loop& loop, unsigned index);

  // Fails when somebody listens there already. (SO_REUSEPORT alone would let two masters of one
  // user share an address without a word.)
  static Result<> check_free(const ListenAddress& address);

  // Binds and listens. Returns the address with the port that the kernel chose for port 0.
  // Errors: `io`, with the address and the system's reason.
  Result<ListenAddress> open(const ListenAddress& address);
  // Clients that come without TLS are sent to that port, if at all. REQUIRES: not started
  void redirect_to(const std::string& https_port) {
    if (!entrance_.tls) entrance_.https_port = https_port;
  }
  // Starts accepting; runs until close().
  void start() { run(); }
  // Serves what is waiting to be accepted, then stops listening.
  void close();
  const Entrance& entrance() const { return entrance_; }
  // Whether new connections to the moving addresses are dropped (newcomer_filter.hpp).
  void hold_newcomers(bool hold);
  // A client has left: another one may be accepted.
  void room_made() { pause_.end(); }

 private:
  // `co_await` limits::accept_pause, or the end of it, whichever comes first.
  class Pause {
   public:
    explicit Pause(Loop& loop);
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter);
    void await_resume() const noexcept {}
    void end();

   private:
    Loop& loop_;
    Deadline deadline_;
    std::coroutine_handle<> waiter_;
  };

  Detached run();
  // There are as many clients as there may be.
  bool is_full() const;
  // There is no room: makes some, by closing idle clients.
  void make_room(const std::string& reason);
  // Accepts a batch of the clients that wait already; false when none waits any more.
  bool accept_waiting();
  void take(const Accept& accepted);

  Loop& loop_;
  const unsigned index_;
  Entrance entrance_;
  Socket listening_;
  Pause pause_;
  Instant complains_from_ = Instant::never();
};

}  // namespace tandem::master
