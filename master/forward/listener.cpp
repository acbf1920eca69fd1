#include "master/forward/listener.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace tandem::master {

namespace {

constexpr int accepted_in_a_row_max = 16;  // then those who are connected have their turn

// What the last system call failed at.
Error cannot(const Endpoint& endpoint, const char* what) {
  const ErrorCodeOs error(errno, boost::system::system_category());
  return fail(ErrorCode::io, fmt::format("--listen {}: cannot {}: {}", endpoint.to_string(), what,
                                         error.message()));
}

TcpEndpoint address_of(const Endpoint& endpoint) {
  return {asio::ip::make_address(endpoint.host), endpoint.port};
}

// A bound socket, or why there is none.
Result<int> bound_socket(const Endpoint& endpoint, bool shared) {
  const auto address = address_of(endpoint);
  const int fd =
      socket(address.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return cannot(endpoint, "open a socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (bind(fd, address.data(), static_cast<socklen_t>(address.size())) == 0) return fd;
  auto error = cannot(endpoint, "listen");
  ::close(fd);
  return error;
}

}  // namespace

Listener::Listener(Loop& loop) : loop_(loop), listening_(loop.io()) {}

Result<> Listener::check_free(const Endpoint& endpoint) {
  if (endpoint.port == 0) return {};
  const auto fd = bound_socket(endpoint, false);
  if (!fd) return fd.error();
  ::close(*fd);
  return {};
}

Result<Endpoint> Listener::open(const Endpoint& endpoint) {
  const auto fd = bound_socket(endpoint, true);
  if (!fd) return fd.error();
  if (listen(*fd, SOMAXCONN) != 0) {
    auto error = cannot(endpoint, "listen");
    ::close(*fd);
    return error;
  }
  TcpEndpoint local;
  auto size = static_cast<socklen_t>(local.capacity());
  getsockname(*fd, local.data(), &size);
  local.resize(size);
  listening_.adopt(*fd, Reactor::Watch::in);
  return Endpoint{endpoint.host, local.port()};
}

void Listener::take(const Accept& accepted) {
  const auto& home = loop_.options().home;
  (home ? home(loop_) : loop_).welcome(accepted.fd(), accepted.peer(), loop_);
}

bool Listener::accept_waiting() {
  for (int i = 0; i < accepted_in_a_row_max; ++i) {
    Accept accepting(listening_);
    if (!accepting.now()) return false;
    take(accepting);
  }
  return true;
}

Detached Listener::run() {
  running_ = true;
  while (listening_.is_open()) {
    Accept accepting(listening_);
    const IoResult accepted = co_await accepting;
    if (accepted.ok()) {
      take(accepting);
      if (listening_.is_open()) accept_waiting();  // closed since it was accepted
    } else if (listening_.is_open() && accepted.error != asio::error::connection_aborted) {
      // Out of descriptors, most likely: wait until some are free instead of spinning.
      spdlog::warn("accept failed reason=\"{}\"", accepted.error.message());
      Event over;
      Deadline pause;
      pause.on_expiry([](void* event) { static_cast<Event*>(event)->set(); }, &over);
      loop_.arm(pause, 100ms);
      pause_ = &over;
      co_await over;
      pause_ = nullptr;
    }
  }
  running_ = false;
}

void Listener::close() {
  while (listening_.is_open() && accept_waiting()) {
  }
  listening_.close();
  if (pause_ != nullptr) pause_->set();
}

}  // namespace tandem::master
