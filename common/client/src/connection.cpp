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
#include <openssl/err.h>

#include "common/base/clock.hpp"

namespace tandem::client {

namespace {

// False: the deadline came first.
bool comes(int socket, short events, Instant deadline) {
  pollfd watched{socket, events, 0};
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
    if (!comes(socket, POLLOUT, deadline)) {
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

// What SSL_read() or SSL_write() has returned, as recv(2) and send(2) have it. The end of a stream
// that TLS does not confirm is none.
ssize_t as_of_a_socket(SSL* ssl, int result, short& wanted) {
  if (result > 0) return result;
  const int wants = SSL_get_error(ssl, result);
  ERR_clear_error();
  if (wants == SSL_ERROR_ZERO_RETURN) return 0;
  errno = ECONNRESET;
  if (wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE) return -1;
  wanted = wants == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
  errno = EAGAIN;
  return -1;
}

int at_most(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

}  // namespace

Result<Connection> Connection::open(const Endpoint& endpoint, Instant deadline,
                                    const ClientTls* tls) {
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
    const auto until = at + (deadline - at) / left--;
    auto socket = connect(*address, until);
    if (!socket.ok()) {
      last = socket.error();
      continue;
    }
    Connection connection(*socket);
    if (tls == nullptr) return connection;
    auto secured = connection.secure(endpoint, *tls, until);
    if (secured.ok()) return connection;
    last = secured.error();
  }
  return last;
}

Connection::Connection(Connection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), ssl_(std::move(other.ssl_)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(ssl_, other.ssl_);
  return *this;
}

Connection::~Connection() {
  if (ssl_ != nullptr && SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  ssl_.reset();
  if (socket_ >= 0) ::close(socket_);
}

Result<> Connection::secure(const Endpoint& endpoint, const ClientTls& tls, Instant deadline) {
  ssl_ = tls.begin(endpoint, socket_);
  for (;;) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) return {};
    const int wants = SSL_get_error(ssl_.get(), done);
    if (wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE) {
      return fail(ErrorCode::unavailable, why_not_secure(ssl_.get()));
    }
    if (!comes(socket_, wants == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) {
      return fail(ErrorCode::timed_out, "no handshake of TLS in time");
    }
  }
}

ssize_t Connection::write(std::string_view head, std::string_view body, short& wanted) {
  wanted = POLLOUT;
  if (ssl_ != nullptr) {
    const auto part = head.empty() ? body : head;
    ERR_clear_error();
    return as_of_a_socket(ssl_.get(), SSL_write(ssl_.get(), part.data(), at_most(part.size())),
                          wanted);
  }
  iovec parts[2] = {{const_cast<char*>(head.data()), head.size()},
                    {const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  return ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t Connection::read(char* into, std::size_t size, short& wanted) {
  wanted = POLLIN;
  if (ssl_ == nullptr) return ::recv(socket_, into, size, MSG_DONTWAIT);
  ERR_clear_error();
  return as_of_a_socket(ssl_.get(), SSL_read(ssl_.get(), into, at_most(size)), wanted);
}

Connection::SendOutcome Connection::send(std::string_view head, std::string_view body, Wait& wait) {
  SendOutcome outcome;
  while (!head.empty() || !body.empty()) {
    short wanted = 0;
    const auto result = write(head, body, wanted);
    if (result < 0 && errno == EINTR) continue;
    if (result < 0 && errno == EAGAIN) {
      short came = 0;
      switch (wait.wait(socket_, static_cast<short>(wanted | POLLIN), came)) {
        case Wait::End::late: outcome.end = Sent::late; return outcome;
        case Wait::End::dead: outcome.end = Sent::dead; return outcome;
        case Wait::End::ready: break;
      }
      // Over TLS what has come may be a message of TLS alone, which is taken by looking.
      if ((came & wanted) != 0 || (ssl_ != nullptr && is_quiet())) continue;
      outcome.end = Sent::answered;
      return outcome;
    }
    if (result <= 0) {
      outcome.end = Sent::broken;
      return outcome;
    }
    const auto taken = static_cast<std::size_t>(result);
    outcome.any = true;
    const auto of_head = std::min(taken, head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(taken - of_head);
  }
  return outcome;
}

Connection::Received Connection::receive(std::string& buffer, Wait& wait, Instant until) {
  std::array<char, 64 * 1024> piece;
  while (true) {
    short wanted = 0;
    const auto received = read(piece.data(), piece.size(), wanted);
    if (received > 0) {
      buffer.append(piece.data(), static_cast<std::size_t>(received));
      wait.heard();
      return Received::some;
    }
    if (received == 0) return Received::end;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return Received::broken;
    short came = 0;
    switch (wait.wait(socket_, wanted, came, until)) {
      case Wait::End::late: return Received::late;
      case Wait::End::dead: return Received::dead;
      case Wait::End::ready: break;
    }
  }
}

bool Connection::has_input() const {
  if (ssl_ != nullptr) return !is_quiet();
  pollfd watched{socket_, POLLIN, 0};
  return ::poll(&watched, 1, 0) > 0;
}

bool Connection::is_quiet() const {
  char byte = 0;
  if (ssl_ != nullptr) {
    ERR_clear_error();
    short wanted = 0;
    const int got = SSL_peek(ssl_.get(), &byte, 1);
    return as_of_a_socket(ssl_.get(), got, wanted) < 0 && errno == EAGAIN;
  }
  const auto received = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return received < 0 && errno == EAGAIN;
}

}  // namespace tandem::client
