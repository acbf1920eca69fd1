// socket_io.hpp: sockets, and waiting for them in coroutines.
//
// A read waits for an edge unless one is remembered (reactor.hpp), so that it is not tried in vain.
// A write is tried at once, for a socket buffer nearly always has room, and waits only for what did
// not fit. A cancelled operation (Socket::cancel by a time-out) completes with operation_aborted.
// What could be done at once is never resumed within the call: other connections go first, so that
// one cannot hold the loop. Owner: the loop of the socket.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "master/forward/io/buffer.hpp"
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
  void shutdown_send();

  // Nothing is asked of the peer: `function` is called when it says something or closes.
  // REQUIRES: is_open()
  void expect_quiet(void (*function)(void*), void* context) {
    descriptor_->on_stir = function;
    descriptor_->keeper = context;
  }
  void expect_answer() { descriptor_->on_stir = nullptr; }
  // An edge is remembered: there is something to read, or was while a read took all there was room
  // for.
  bool has_stirred() const { return descriptor_ != nullptr && descriptor_->readable; }
  // Nothing is to be read and the peer has not closed. One system call, when has_stirred().
  bool stays_quiet();

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
  void wait_to_read(std::coroutine_handle<> handle) {
    waiter = handle;
    auto& descriptor = *socket_.descriptor();
    if (descriptor.readable && attempt(*this, descriptor)) {
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

// Reads what is there into the buffer's free room and commits nothing: the caller commits
// result.bytes. The end of the stream is the error asio::error::eof. REQUIRES: buffer.free_size() >
// 0, or it has no block and a pool is given, from which it has one when there are bytes. So who
// waits owns no buffer, and the block that bytes come into is the one that was used last.
class ReadSome : public detail::Waiting {
 public:
  ReadSome(Socket& socket, Buffer& buffer, BufferPool* pool = nullptr)
      : Waiting(socket, &read), buffer_(buffer), pool_(pool) {
    TANDEM_ASSERT(buffer.has_block() ? buffer.free_size() > 0 : pool != nullptr);
  }
  void await_suspend(std::coroutine_handle<> handle) { wait_to_read(handle); }

 private:
  static bool read(Operation& operation, Descriptor& descriptor);

  Buffer& buffer_;
  BufferPool* pool_;
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
  // REQUIRES: the result is ok
  int fd() const { return static_cast<int>(result.bytes); }
  const TcpEndpoint& peer() const { return peer_; }

 private:
  static bool accept(Operation& operation, Descriptor& descriptor);

  TcpEndpoint peer_;
};

inline WaitWritable wait_writable(Socket& socket) { return WaitWritable(socket); }
inline ReadSome read_some(Socket& socket, Buffer& buffer) { return {socket, buffer}; }
inline ReadSome read_some(Socket& socket, Buffer& buffer, BufferPool& pool) {
  return {socket, buffer, &pool};
}
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

// Writes as much of the pieces as the socket takes now; never waits. would_block is no error: bytes
// = 0.
IoResult write_now(Socket& socket, std::span<const std::string_view> pieces);

// Writes all of the pieces, waiting for room as often as needed. The bytes must live until it is
// done.
Task<IoResult> write_rest(Socket& socket, std::array<std::string_view, 4> pieces,
                          std::size_t written);

// Writes all of up to four pieces in one system call when the socket takes them. `result.bytes` is
// what was handed to the kernel, also on failure: it says whether the peer may have seen a part.
// Tries at once: who finds it done() need not watch the time, and only a full socket buffer makes a
// coroutine of it.
class WriteAll {
 public:
  WriteAll(Socket& socket, std::array<std::string_view, 4> pieces)
      : socket_(socket), pieces_(pieces), result_(write_now(socket, pieces_)) {}
  WriteAll(const WriteAll&) = delete;
  WriteAll& operator=(const WriteAll&) = delete;

  bool done() const {
    std::size_t total = 0;
    for (const auto& piece : pieces_) total += piece.size();
    return !result_.ok() || result_.bytes == total;
  }
  bool await_ready() const { return done(); }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) {
    rest_.emplace(write_rest(socket_, pieces_, result_.bytes));
    return rest_->await_suspend(waiter);
  }
  IoResult await_resume() { return rest_ ? rest_->await_resume() : result_; }

 private:
  Socket& socket_;
  std::array<std::string_view, 4> pieces_;
  IoResult result_;
  std::optional<Task<IoResult>> rest_;
};

inline WriteAll write_all(Socket& socket, std::string_view a, std::string_view b = {},
                          std::string_view c = {}, std::string_view d = {}) {
  return WriteAll(socket, {a, b, c, d});
}

// True when nothing is to be read and the peer has not closed. One system call.
bool is_quiet(Socket& socket);

// What the peer's system has acknowledged since the connection was made; 0 when that is not known.
// One system call.
std::uint64_t acknowledged_bytes(Socket& socket);

// True when bytes have arrived that nobody has read yet. One system call.
bool has_unread(Socket& socket);

}  // namespace tandem::master
