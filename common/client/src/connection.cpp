#include "common/client/src/connection.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "common/base/clock.hpp"

namespace tandem::client {

namespace {

// False: the deadline came first.
bool is_connected(int socket, Instant deadline) {
  pollfd watched{socket, POLLOUT, 0};
  for (auto left = deadline - now(); left > Duration::zero(); left = deadline - now()) {
    const auto rounded_up = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    const auto wait = std::min<std::int64_t>(rounded_up, std::numeric_limits<int>::max());
    const int ready = ::poll(&watched, 1, static_cast<int>(wait));
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
  }
  return false;
}

Error no_connection(int error) {
  return fail(ErrorCode::unavailable, error == ECONNREFUSED
                                          ? std::string("the connection was refused")
                                          : fmt::format("no connection (error {})", error));
}

Result<int> connect(const addrinfo& address, Instant deadline) {
  const int socket =
      ::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return no_connection(errno);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int error = ::connect(socket, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    if (!is_connected(socket, deadline)) {
      ::close(socket);
      return fail(ErrorCode::timed_out, "no connection in time");
    }
    socklen_t size = sizeof error;
    ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error == 0) return socket;
  ::close(socket);
  return no_connection(error);
}

}  // namespace

Result<Connection> Connection::open(const Endpoint& endpoint, Instant deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (endpoint.is_numeric() ? AI_NUMERICHOST : AI_ADDRCONFIG);
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (failed != 0) {
    return fail(ErrorCode::unavailable,
                fmt::format("the host cannot be resolved: {}", gai_strerror(failed)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  Error last = fail(ErrorCode::unavailable, "the host has no address");
  int left = 0;
  for (const auto* address = found; address != nullptr; address = address->ai_next) ++left;
  // A silent address does not use up the time of the others.
  for (const auto* address = found; address != nullptr; address = address->ai_next) {
    const auto at = now();
    auto socket = connect(*address, at + (deadline - at) / left--);
    if (socket.ok()) return Connection(*socket);
    last = socket.error();
  }
  return last;
}

Connection::Connection(Connection&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(socket_, other.socket_);
  return *this;
}

Connection::~Connection() {
  if (socket_ >= 0) ::close(socket_);
}

Connection::SendOutcome Connection::send(std::string_view head, std::string_view body, Wait& wait) {
  SendOutcome outcome;
  while (!head.empty() || !body.empty()) {
    iovec parts[2] = {{const_cast<char*>(head.data()), head.size()},
                      {const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const auto result = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (result < 0 && errno == EINTR) continue;
    if (result < 0 && errno == EAGAIN) {
      short came = 0;
      switch (wait.wait(socket_, POLLOUT | POLLIN, came)) {
        case Wait::End::late: outcome.end = Sent::late; return outcome;
        case Wait::End::dead: outcome.end = Sent::dead; return outcome;
        case Wait::End::ready: break;
      }
      if ((came & POLLOUT) != 0) continue;
      outcome.end = Sent::answered;
      return outcome;
    }
    if (result < 0) {
      outcome.end = Sent::broken;
      return outcome;
    }
    const auto taken = static_cast<std::size_t>(result);
    outcome.any = outcome.any || taken > 0;
    const auto of_head = std::min(taken, head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(taken - of_head);
  }
  return outcome;
}

Connection::Received Connection::receive(std::string& buffer, Wait& wait, Instant until) {
  std::array<char, 64 * 1024> piece;
  while (true) {
    const auto received = ::recv(socket_, piece.data(), piece.size(), MSG_DONTWAIT);
    if (received > 0) {
      buffer.append(piece.data(), static_cast<std::size_t>(received));
      wait.heard();
      return Received::some;
    }
    if (received == 0) return Received::end;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Received::broken;
    short came = 0;
    switch (wait.wait(socket_, POLLIN, came, until)) {
      case Wait::End::late: return Received::late;
      case Wait::End::dead: return Received::dead;
      case Wait::End::ready: break;
    }
  }
}

bool Connection::has_input() const {
  pollfd watched{socket_, POLLIN, 0};
  return ::poll(&watched, 1, 0) > 0;
}

bool Connection::is_quiet() const {
  char byte = 0;
  const auto received = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return received < 0 && errno == EAGAIN;
}

}  // namespace tandem::client
