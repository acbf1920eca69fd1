#include "master/forward/plane/listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.hpp"
#include "common/base/own_trouble.hpp"
#include "master/forward/plane/limits.hpp"
#include "master/forward/plane/newcomer_filter.hpp"

namespace tandem::master {

namespace {

constexpr int accepted_in_a_row_max = 16;  // then the connected clients have their turn

}  // namespace

Listener::Listener(Loop& loop, unsigned number, ListeningSocket& socket)
    : loop_(loop), number_(number), listening_(loop.context().io()), pause_(loop) {
  listening_.adopt(socket.release(), Reactor::Watch::in);
  leaving_.on_expiry([](void* listener) { static_cast<Listener*>(listener)->come_to_an_end(); },
                     this);
}

void Listener::attach(const std::vector<sock_filter>& filter) {
  auto copy = filter;  // the kernel wants a pointer to what it only reads
  const sock_fprog program{static_cast<unsigned short>(copy.size()), copy.data()};
  setsockopt(listening_.native_handle(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

void Listener::hold_newcomers(bool hold) {
  if (!listening_.is_open() || stage_ != Stage::open) return;
  if (hold) {
    attach(newcomer_filter(loop_.options().moving_addresses));
  } else {
    const int unused = 0;
    setsockopt(listening_.native_handle(), SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
  }
  while (hold && accept_waiting()) {
  }
}

void Listener::renumber(unsigned number) {
  while (listening_.is_open() && accept_waiting()) {
  }
  number_ = number;
}

// A refused connection would be a failure.
void Listener::leave() {
  if (!listening_.is_open()) return;
  stage_ = Stage::leaving;
  attach(filter_of_all_newcomers());
  loop_.context().arm(leaving_, limits::connecting_max);
}

void Listener::come_to_an_end() {
  if (stage_ == Stage::leaving) {
    stage_ = Stage::last_call;
    loop_.context().arm(leaving_, limits::leaving_max);
  } else {
    stage_ = Stage::over;
    log::warn("clients that waited to be accepted are lost port={}", loop_.entrance(number_).port);
  }
  listening_.cancel();
  pause_.end();
}

void Listener::take(const Accept& accepted) {
  const auto& home = loop_.links().home;
  (home ? home(loop_) : loop_).welcome(accepted.fd(), accepted.peer(), number_, loop_);
}

bool Listener::is_full() const {
  const auto& home = loop_.links().home;
  return (home ? home(loop_) : loop_).is_full();
}

bool Listener::accept_waiting() {
  for (int i = 0; i < accepted_in_a_row_max; ++i) {
    // It may have been closed since the first was accepted.
    if (!listening_.is_open() || is_full()) return false;
    Accept accepting(listening_);
    if (!accepting.now()) return false;
    take(accepting);
  }
  return true;
}

void Listener::make_room(const std::string& reason) {
  loop_.context().shed_idle(Shed::clients_and_workers);
  const auto now = loop_.context().coarse_now();
  if (now < complains_from_) return;
  complains_from_ = now + limits::accept_complaint;
  log::warn("clients wait to be accepted connections={} reason=\"{}\"",
            loop_.counters().client_connections.load(std::memory_order_relaxed), reason);
}

Detached Listener::run() {
  while (listening_.is_open() && stage_ != Stage::over) {
    if (is_full()) {
      make_room("as many are connected as there may be");
      co_await pause_;
      continue;
    }
    Accept accepting(listening_);
    if (stage_ == Stage::last_call) {
      if (accepting.now()) {
        take(accepting);
        continue;
      }
      if (accepting.found_nobody()) break;
    }
    const IoResult accepted = co_await accepting;
    if (accepted.ok()) {
      take(accepting);
      if (listening_.is_open()) accept_waiting();  // closed since it was accepted
    } else if (listening_.is_open() && !is_of_the_newcomer(accepted.error.value()) &&
               accepted.error != asio::error::operation_aborted) {
      // Out of descriptors, most likely.
      make_room(accepted.error.message());
      co_await pause_;
    }
  }
  abandon();
  leaving_.disarm();
  loop_.listener_ended(*this);
}

void Listener::close() {
  while (listening_.is_open() && accept_waiting()) {
  }
  abandon();
}

// Another process may have the same socket (Reactor::release()).
void Listener::abandon() {
  if (const int socket = listening_.release(); socket >= 0) ::close(socket);
  pause_.end();
}

int Listener::duplicate() const {
  return listening_.is_open() ? fcntl(listening_.native_handle(), F_DUPFD_CLOEXEC, 0) : -1;
}

Listener::Pause::Pause(Loop& loop) : loop_(loop) {
  deadline_.on_expiry([](void* pause) { static_cast<Pause*>(pause)->end(); }, this);
}

void Listener::Pause::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  loop_.context().arm(deadline_, limits::accept_pause);
}

void Listener::Pause::end() {
  if (!waiter_) return;
  deadline_.disarm();
  loop_.context().io().resume_later(std::exchange(waiter_, nullptr));
}

}  // namespace tandem::master
