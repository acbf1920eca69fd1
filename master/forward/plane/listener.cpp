#include "master/forward/plane/listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

#include "common/base/log.hpp"
#include "common/base/own_trouble.hpp"
#include "master/forward/plane/limits.hpp"
#include "master/forward/plane/newcomer_filter.hpp"

namespace tandem::master {

namespace {

constexpr int accepted_in_a_row_max = 16;  // then the connected clients have their turn

// What the last system call failed at.
Error cannot(const ListenAddress& address, const char* what) {
  const ErrorCodeOs error(errno, boost::system::system_category());
  return fail(ErrorCode::io, fmt::format("{} {}: cannot {}: {}", address.flag(),
                                         address.endpoint.to_string(), what, error.message()));
}

TcpEndpoint address_of(const Endpoint& endpoint) {
  return {asio::ip::make_address(endpoint.host), endpoint.port};
}

// Returns a bound socket, or an error.
Result<int> bound_socket(const ListenAddress& wanted, bool shared) {
  const auto address = address_of(wanted.endpoint);
  const int fd =
      socket(address.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return cannot(wanted, "open a socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (wanted.binds_absent && address.protocol().family() == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on);
  } else if (wanted.binds_absent) {
    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
  }
  if (shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (bind(fd, address.data(), static_cast<socklen_t>(address.size())) == 0) return fd;
  auto error = cannot(wanted, "listen");
  ::close(fd);
  return error;
}

}  // namespace

Listener::Listener(Loop& loop, unsigned index)
    : loop_(loop), index_(index), listening_(loop.context().io()), pause_(loop) {}

Result<> Listener::check_free(const ListenAddress& address) {
  if (address.endpoint.port == 0) return {};
  const auto fd = bound_socket(address, false);
  if (!fd) return fd.error();
  ::close(*fd);
  return {};
}

Result<ListenAddress> Listener::open(const ListenAddress& address) {
  const auto fd = bound_socket(address, true);
  if (!fd) return fd.error();
  if (listen(*fd, SOMAXCONN) != 0) {
    auto error = cannot(address, "listen");
    ::close(*fd);
    return error;
  }
  TcpEndpoint local;
  auto size = static_cast<socklen_t>(local.capacity());
  getsockname(*fd, local.data(), &size);
  local.resize(size);
  listening_.adopt(*fd, Reactor::Watch::in);
  entrance_.port = std::to_string(local.port());
  entrance_.tls = address.tls;
  auto bound = address;
  bound.endpoint.port = local.port();
  return bound;
}

void Listener::hold_newcomers(bool hold) {
  if (!listening_.is_open()) return;
  auto filter = newcomer_filter(loop_.options().moving_addresses);
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  setsockopt(listening_.native_handle(), SOL_SOCKET, hold ? SO_ATTACH_FILTER : SO_DETACH_FILTER,
             &program, sizeof program);
  while (hold && accept_waiting()) {
  }
}

void Listener::take(const Accept& accepted) {
  const auto& home = loop_.links().home;
  (home ? home(loop_) : loop_).welcome(accepted.fd(), accepted.peer(), index_, loop_);
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
  while (listening_.is_open()) {
    if (is_full()) {
      make_room("as many are connected as there may be");
      co_await pause_;
      continue;
    }
    Accept accepting(listening_);
    const IoResult accepted = co_await accepting;
    if (accepted.ok()) {
      take(accepting);
      if (listening_.is_open()) accept_waiting();  // closed since it was accepted
    } else if (listening_.is_open() && !is_of_the_newcomer(accepted.error.value())) {
      // Out of descriptors, most likely.
      make_room(accepted.error.message());
      co_await pause_;
    }
  }
}

void Listener::close() {
  while (listening_.is_open() && accept_waiting()) {
  }
  listening_.close();
  pause_.end();
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
