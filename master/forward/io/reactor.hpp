// reactor.hpp: what a loop waits with: for its sockets, for its tick, for what others post.
//
// One epoll, edge-triggered: a socket is registered once, and no system call says that somebody
// waits for it. An edge is remembered until a read falls short, so a request costs one read and one
// write on each side and no read that is known to fail. (Asio 1.81 tries each read before it waits,
// two system calls more per request, and dispatches through queues that only many threads need.)
//
// All edges of one look are noted before any of them is acted upon, so that whoever is served first
// finds no idle connection that another event of the same look has spoilt.
//
// Owner: the loop's thread, but for post(). Always: a descriptor that was closed is not used again
// before the batch of events that it may stand in has been dealt with.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <boost/system/error_code.hpp>

#include "common/base/time.hpp"

struct epoll_event;

namespace tandem::master {

using ErrorCodeOs = boost::system::error_code;

struct IoResult {
  ErrorCodeOs error;
  std::size_t bytes = 0;

  bool ok() const { return !error; }
};

class Reactor;
struct Descriptor;

// What a coroutine waits for at a socket. Lives in the coroutine's frame.
struct Operation {
  // Tries once; true: it is done, and `result` says how.
  bool (*attempt)(Operation&, Descriptor&) = nullptr;
  std::coroutine_handle<> waiter{};
  IoResult result{};
};

// A socket, as its reactor knows it.
struct Descriptor {
  Reactor* reactor = nullptr;
  Operation* reader = nullptr;  // who waits for it to become readable; at most one
  Operation* writer = nullptr;
  Descriptor* next_free = nullptr;
  void (*on_stir)(void*) = nullptr;  // what to call when an edge comes while it is to be quiet
  void* keeper = nullptr;            // what to call that with
  int fd = -1;
  bool readable = false;     // an edge came since a read last fell short
  bool ended = false;        // the peer has said its last: there is always something to read
  bool watched = false;      // edges are reported
  bool watches_out = false;  // edges of room for writing are reported too
};

// Something that happens at its time, unless it is unset before: for what must be timed finer than
// the tick, and is not set for every request.
class Alarm {
 public:
  Alarm() = default;
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // What to call when it rings.
  void on_ring(void (*function)(void*), void* context) {
    function_ = function;
    context_ = context;
  }
  bool is_set() const { return reactor_ != nullptr; }
  void unset();

 private:
  friend class Reactor;
  Reactor* reactor_ = nullptr;  // null: not set
  Instant at_;
  void (*function_)(void*) = nullptr;
  void* context_ = nullptr;
};

class Reactor {
 public:
  Reactor();
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // ---- callable from any thread
  // Runs `function` on the reactor's thread.
  void post(std::function<void()> function);

  // ---- on the reactor's thread
  // Calls `tick` each `period`, late by what is running, until release() was called and nobody
  // waits for anything. When it is late by more than limits::stall_min, `stalled` comes first, and
  // before whatever has arrived meanwhile.
  using Timed = std::function<void(Instant now)>;
  void run(Duration period, const Timed& tick, const Timed& stalled = {});
  void release() { kept_ = false; }

  // Resumes the coroutine once everything else that is ready has had its turn.
  void resume_later(std::coroutine_handle<> waiter) { later_.push_back(waiter); }

  // Rings at `at`, at most a millisecond late by itself. REQUIRES: it is not set.
  void set(Alarm& alarm, Instant at);

  // Registers an open, non-blocking socket; the descriptor owns it from now on.
  // later: the first to wait has it registered; until then reads are tried at once, since a client
  // seldom connects without saying something. A socket that the system does not let us watch fails
  // whoever waits for it.
  enum class Watch { in, in_and_out, later };
  Descriptor* adopt(int fd, Watch watch);
  // How often all edges that there were have been noted. What happened at a socket before that is
  // known; see is_caught_up().
  std::uint64_t rounds() const { return rounds_; }
  // The last look at the sockets showed all edges that there were, not only as many as fitted.
  bool is_caught_up() const { return caught_up_; }
  // Who waits is told operation_aborted, soon but not within this call.
  void cancel(Descriptor& descriptor);
  // The same, and closes the socket.
  void close(Descriptor& descriptor);
  // The same, but leaves it open: the caller owns it. To be used for a socket that another process
  // has too: closing it would not take it out of the epoll.
  int release(Descriptor& descriptor);

  // The operation's attempt has failed for now: tries again at the next edge, then resumes
  // operation.waiter. REQUIRES: nobody else waits for the same direction.
  void wait_to_read(Descriptor& descriptor, Operation& operation);
  void wait_to_write(Descriptor& descriptor, Operation& operation);

 private:
  friend class Alarm;
  struct Posted;

  void turn(std::span<const epoll_event> seen);
  void note(Descriptor& descriptor, std::uint32_t events);
  void dispatch(Descriptor& descriptor, std::uint32_t events);
  void complete(Operation*& waiting, Descriptor& descriptor);
  void abort(Operation*& waiting);
  void run_posted();
  void ring(Instant now);
  void resume_all_later();
  void recycle_closed();
  Descriptor* take_descriptor();
  ErrorCodeOs watch(Descriptor& descriptor, bool out);
  void fail(Operation& operation, const ErrorCodeOs& error);
  int wait_ms(Instant now) const;

  const int epoll_;
  const int wake_up_;                     // an eventfd: something was posted
  std::atomic<Posted*> posted_{nullptr};  // newest first
  std::vector<std::coroutine_handle<>> later_;
  std::vector<std::coroutine_handle<>> resuming_;
  std::vector<std::unique_ptr<Descriptor[]>> descriptors_;
  Descriptor* free_ = nullptr;
  Descriptor* closed_ = nullptr;
  std::set<std::pair<Instant, Alarm*>> alarms_;
  Instant next_tick_;
  std::size_t waiting_ = 0;  // operations that wait for an edge
  std::uint64_t rounds_ = 0;
  bool caught_up_ = true;
  bool kept_ = true;
};

}  // namespace tandem::master
