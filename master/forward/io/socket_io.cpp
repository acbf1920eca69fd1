#include "master/forward/io/socket_io.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tandem::master {

namespace {

constexpr std::size_t joined_max = 1024;  // bytes

// The system calls themselves: the library's are points of cancellation, and setting that up and
// down for each costs a twentieth of the call.
ssize_t receive(int fd, char* room, std::size_t size) {
  return syscall(SYS_recvfrom, fd, room, size, MSG_DONTWAIT, nullptr, nullptr);
}

ssize_t transmit(int fd, msghdr& message) {
  constexpr int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
  if (message.msg_iovlen > 1) return syscall(SYS_sendmsg, fd, &message, flags);
  const auto& only = *message.msg_iov;
  return syscall(SYS_sendto, fd, only.iov_base, only.iov_len, flags, nullptr, 0);
}

// Copying a short answer costs less than telling the system of its pieces.
void join_short(msghdr& message, std::span<char> room) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
    const auto& piece = message.msg_iov[i];
    if (size + piece.iov_len > room.size()) return;
    std::memcpy(room.data() + size, piece.iov_base, piece.iov_len);
    size += piece.iov_len;
  }
  message.msg_iov[0] = {room.data(), size};
  message.msg_iovlen = 1;
}

ErrorCodeOs last_error() { return {errno, boost::system::system_category()}; }

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK; }

void set_no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

void Socket::shutdown_send() {
  if (descriptor_ != nullptr) ::shutdown(descriptor_->fd, SHUT_WR);
}

void Socket::notice_dead_host() {
  if (descriptor_ == nullptr) return;
  const auto set = [this](int level, int option, int value) {
    setsockopt(descriptor_->fd, level, option, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);  // seconds without a word, then between questions
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
}

IoResult read_now(Descriptor& descriptor, std::span<char> room) {
  auto got = receive(descriptor.fd, room.data(), room.size());
  while (got < 0 && errno == EINTR) got = receive(descriptor.fd, room.data(), room.size());
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    // What comes after a short read makes an edge; the end of the stream may have made its own.
    if (bytes < room.size() && !descriptor.ended) descriptor.readable = false;
    return {{}, bytes};
  }
  const auto error = got == 0 ? ErrorCodeOs(asio::error::eof) : last_error();
  if (error == asio::error::would_block) descriptor.readable = false;
  return {error, 0};
}

bool PeekByte::peek(Operation& operation, Descriptor& descriptor) {
  auto& self = static_cast<PeekByte&>(operation);
  const auto got = recv(descriptor.fd, &self.byte_, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && would_block()) {
    descriptor.readable = false;
    return false;
  }
  self.result = {got < 0 ? last_error() : ErrorCodeOs(), got > 0 ? 1u : 0u};
  if (got == 0) self.result.error = asio::error::eof;
  return true;
}

Connect::Connect(Socket& socket, const TcpEndpoint& endpoint) : Waiting(socket, &look) {
  const int fd = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                          IPPROTO_TCP);
  if (fd < 0) {
    result.error = last_error();
    return;
  }
  set_no_delay(fd);
  const int outcome = ::connect(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size()));
  if (outcome < 0) result.error = last_error();
  done_ = outcome == 0 || result.error.value() != EINPROGRESS;
  if (!done_) result.error.clear();
  // Only now: a socket that is not even connecting counts as hung up.
  socket.adopt(fd, Reactor::Watch::in_and_out);
}

bool Connect::look(Operation& operation, Descriptor& descriptor) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(descriptor.fd, SOL_SOCKET, SO_ERROR, &error, &size);
  auto& self = static_cast<Connect&>(operation);
  self.result.error = {error, boost::system::system_category()};
  return true;
}

bool Accept::accept(Operation& operation, Descriptor& descriptor) {
  auto& self = static_cast<Accept&>(operation);
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const int fd = accept4(descriptor.fd, reinterpret_cast<sockaddr*>(&address), &size,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
  self.result = {};
  if (fd < 0 && would_block()) {
    descriptor.readable = false;
    return false;
  }
  if (fd < 0) {
    self.result.error = last_error();
    return true;
  }
  self.peer_.resize(size);
  std::memcpy(self.peer_.data(), &address, size);
  self.result.bytes = static_cast<std::size_t>(fd);
  return true;
}

IoResult write_now(int socket, std::span<const std::string_view> pieces) {
  std::array<iovec, 4> vectors;
  std::array<char, joined_max> joined;
  TANDEM_ASSERT(pieces.size() <= vectors.size());
  msghdr message{};
  message.msg_iov = vectors.data();
  for (const auto& piece : pieces) {
    if (piece.empty()) continue;
    vectors[message.msg_iovlen++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  if (message.msg_iovlen == 0) return {};
  if (message.msg_iovlen > 1) join_short(message, joined);
  for (;;) {
    const auto sent = transmit(socket, message);
    if (sent >= 0) return {{}, static_cast<std::size_t>(sent)};
    if (errno == EINTR) continue;
    if (would_block()) return {};
    return {last_error(), 0};
  }
}

}  // namespace tandem::master
