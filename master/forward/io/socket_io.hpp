// socket_io.hpp: sockets: connecting, accepting, waiting for them in coroutines. What a connected
// one carries is read and written through a ByteStream.
//
// Who waits to read waits for an edge unless one is remembered (reactor.hpp), so that no read is
// tried in vain. A cancelled operation (Socket::cancel by a time-out) completes with
// operation_aborted. What could be done at once is never resumed within the call: other connections
// go first, so that one cannot hold the loop. Owner: the loop of the socket.
#pragma once

#include <coroutine>
#include <span>
#include <string_view>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "master/forward/io/reactor.hpp"
#include "master/forward/io/task.hpp"

namespace tandem::master {

namespace asio = boost::asio;
using TcpEndpoint = asio::ip::tcp::endpoint;

// A TCP socket of one reactor; not open until it has been connected or accepted.
class Socket {
 public:
  explicit Socket(Reactor& reactor) : reactor_(&reactor) {}
  // Takes over an open, non-blocking socket.
  Socket(Reactor& reactor, int fd, Reactor::Watch watch)
      : reactor_(&reactor), descriptor_(reactor.adopt(fd, watch)) {}
  Socket(Socket&& other) noexcept
      : reactor_(other.reactor_), descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(); }

  bool is_open() const { return descriptor_ != nullptr; }
  int native_handle() const { return descriptor_ == nullptr ? -1 : descriptor_->fd; }
  Reactor& reactor() { return *reactor_; }
  // Null when it is not open.
  Descriptor* descriptor() { return descriptor_; }
  void adopt(int fd, Reactor::Watch watch) { descriptor_ = reactor_->adopt(fd, watch); }

  // Who waits for this socket is told operation_aborted.
  void cancel() {
    if (descriptor_ != nullptr) reactor_->cancel(*descriptor_);
  }
  // The same; what was written is still sent, unless unread bytes wait: then the peer is reset.
  void close() {
    if (descriptor_ != nullptr) reactor_->close(*std::exchange(descriptor_, nullptr));
  }
  // The same, but for the socket, which is the caller's from now on; -1: it was not open.
  int release() {
    return descriptor_ == nullptr ? -1 : reactor_->release(*std::exchange(descriptor_, nullptr));
  }
  void shutdown_send();
  // A peer whose system has answered nothing for some half a minute is gone, though nobody sends.
  void notice_dead_host();
  // An edge is remembered.
  bool has_stirred() const { return descriptor_ != nullptr && descriptor_->readable; }

 private:
  Reactor* reactor_;
  Descriptor* descriptor_ = nullptr;
};

namespace detail {

// Awaits what Attempt does: bool Attempt(Operation&, Descriptor&).
class Waiting : protected Operation {
 public:
  explicit Waiting(Socket& socket, bool (*tries)(Operation&, Descriptor&)) : socket_(socket) {
    attempt = tries;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  bool await_ready() {
    if (socket_.is_open()) return false;
    result.error = asio::error::bad_descriptor;
    return true;
  }
  IoResult await_resume() const noexcept { return result; }

 protected:
  // `may_be_here`: what is waited for may have come before the last edge.
  void wait_to_read(std::coroutine_handle<> handle, bool may_be_here = false) {
    waiter = handle;
    auto& descriptor = *socket_.descriptor();
    if ((descriptor.readable || may_be_here) && attempt(*this, descriptor)) {
      socket_.reactor().resume_later(handle);
    } else {
      socket_.reactor().wait_to_read(descriptor, *this);
    }
  }

  Socket& socket_;
};

}  // namespace detail

// Completes when the socket may take more bytes.
class WaitWritable : public detail::Waiting {
 public:
  explicit WaitWritable(Socket& socket)
      : Waiting(socket, [](Operation&, Descriptor&) { return true; }) {}
  void await_suspend(std::coroutine_handle<> handle) {
    waiter = handle;
    socket_.reactor().wait_to_write(*socket_.descriptor(), *this);
  }
};

// Completes when there is something to read, with the first byte of it, which stays there. The end
// of the stream is the error asio::error::eof.
class PeekByte : public detail::Waiting {
 public:
  explicit PeekByte(Socket& socket) : Waiting(socket, &peek) {}
  void await_suspend(std::coroutine_handle<> handle) { wait_to_read(handle); }
  // REQUIRES: the result is ok
  char byte() const { return byte_; }

 private:
  static bool peek(Operation& operation, Descriptor& descriptor);

  char byte_ = '\0';
};

// Opens the socket and connects it. TCP_NODELAY is set.
class Connect : public detail::Waiting {
 public:
  Connect(Socket& socket, const TcpEndpoint& endpoint);
  bool await_ready() const noexcept { return done_; }
  void await_suspend(std::coroutine_handle<> handle) {
    waiter = handle;
    socket_.reactor().wait_to_write(*socket_.descriptor(), *this);
  }

 private:
  static bool look(Operation& operation, Descriptor& descriptor);

  bool done_ = true;
};

// Accepts a connection: non-blocking, and with the options of the listening socket.
class Accept : public detail::Waiting {
 public:
  explicit Accept(Socket& listening) : Waiting(listening, &accept) {}
  void await_suspend(std::coroutine_handle<> handle) { wait_to_read(handle); }
  // Tries once, now: false when nobody waits to be accepted.
  bool now() { return attempt(*this, *socket_.descriptor()) && result.ok(); }
  // That was why: it could have been accepted. REQUIRES: now() was false
  bool found_nobody() const { return result.ok(); }
  // REQUIRES: the result is ok
  int fd() const { return static_cast<int>(result.bytes); }
  const TcpEndpoint& peer() const { return peer_; }

 private:
  static bool accept(Operation& operation, Descriptor& descriptor);

  TcpEndpoint peer_;
};

inline PeekByte peek_byte(Socket& socket) { return PeekByte(socket); }
inline WaitWritable wait_writable(Socket& socket) { return WaitWritable(socket); }
inline Connect connect(Socket& socket, const TcpEndpoint& endpoint) { return {socket, endpoint}; }

// Lets everything else that is ready on the loop go first.
class Yield {
 public:
  explicit Yield(Reactor& reactor) : reactor_(reactor) {}
  Yield(const Yield&) = delete;
  Yield& operator=(const Yield&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) { reactor_.resume_later(waiter); }
  void await_resume() const noexcept {}

 private:
  Reactor& reactor_;
};

// Reads what is there, and notes what that says of the edge. Nothing: would_block; the end of the
// stream: eof.
IoResult read_now(Descriptor& descriptor, std::span<char> room);

// Writes as much of up to four pieces as the socket takes now, in one system call. would_block is
// no error: bytes = 0.
IoResult write_now(int socket, std::span<const std::string_view> pieces);

}  // namespace tandem::master
