// listener.hpp: accepts client connections for one loop, at one of the addresses where clients are
// served.
//
// Every loop listens on the same addresses with SO_REUSEPORT, and the kernel spreads connections
// over them at random. When this loop has clearly more connections than another, the other one gets
// the next. When there is no room for more, because of the limit or for want of descriptors, idle
// clients are closed, and new ones wait in the kernel's queue.
//
// An address that is left is not closed at once: who is about to connect is not heard any more, as
// if the first packet were lost (newcomer_filter.hpp), and who is connecting or waits is accepted.
// Owner: its loop.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "master/forward/plane/listening_socket.hpp"
#include "master/forward/plane/loop.hpp"

namespace tandem::master {

class Listener {
 public:
  // `number`: of its address. The socket is taken over.
  Listener(Loop& loop, unsigned number, ListeningSocket& socket);

  unsigned number() const { return number_; }
  bool is_open() const { return listening_.is_open(); }
  // leave() was called in time.
  bool is_leaving() const { return stage_ != Stage::open; }
  // Starts accepting; runs until the socket is closed, and tells the loop then.
  void start() { run(); }
  // Serves what is waiting to be accepted, then stops listening.
  void close();
  // Stops listening, and leaves whoever waits to the other processes that have the socket.
  void abandon();
  // A descriptor of the caller's own for the socket; -1: there is none.
  int duplicate() const;
  // As close() without haste: also those who are connecting, and those for whom there is no room
  // yet.
  void leave();
  // Clients that come from now on come to the address of that number.
  void renumber(unsigned number);
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
  void attach(const std::vector<sock_filter>& filter);
  // Whoever was connecting is in the queue by now.
  void come_to_an_end();

  Loop& loop_;
  unsigned number_;
  Socket listening_;
  Pause pause_;
  Deadline leaving_;  // until nobody is connecting any more, and then until those who wait are lost
  enum class Stage { open, leaving, last_call, over };
  Stage stage_ = Stage::open;
  Instant complains_from_ = Instant::never();
};

}  // namespace tandem::master
