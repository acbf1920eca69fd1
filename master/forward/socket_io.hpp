// socket_io.hpp: waiting for sockets in coroutines.
//
// Reads go through Asio's reactor, which after a short read knows that the next one would fail and
// does not try it. Writes are tried at once, for a socket buffer nearly always has room, and wait
// only for what did not fit. A cancelled operation (Socket::cancel by a time-out) completes with
// operation_aborted. Owner: the loop of the socket.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <span>
#include <string_view>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include "master/forward/buffer.hpp"
#include "master/forward/task.hpp"

namespace tandem::master {

namespace asio = boost::asio;
using ErrorCodeOs = boost::system::error_code;

// Sockets and acceptors know their executor's type, so that no call goes through a virtual one.
using Socket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;
using TcpEndpoint = asio::ip::tcp::endpoint;

struct IoResult {
  ErrorCodeOs error;
  std::size_t bytes = 0;

  bool ok() const { return !error; }
};

namespace detail {

// Awaits one Asio operation that Start begins: start(handler) with handler(error [, bytes]).
template <class Start>
class SocketOperation {
 public:
  explicit SocketOperation(Start start) : start_(std::move(start)) {}
  SocketOperation(const SocketOperation&) = delete;
  SocketOperation& operator=(const SocketOperation&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    start_(Completion{this});
  }
  IoResult await_resume() const noexcept { return result_; }

 private:
  struct Completion {
    SocketOperation* operation;
    void operator()(const ErrorCodeOs& error, std::size_t bytes = 0) const {
      operation->result_ = {error, bytes};
      operation->waiter_.resume();
    }
  };

  Start start_;
  std::coroutine_handle<> waiter_;
  IoResult result_;
};

}  // namespace detail

// Completes when the socket is readable, closed or broken; owns no buffer meanwhile.
inline auto wait_readable(Socket& socket) {
  return detail::SocketOperation(
      [&socket](auto handler) { socket.async_wait(Socket::wait_read, handler); });
}

// Completes when the socket takes more bytes.
inline auto wait_writable(Socket& socket) {
  return detail::SocketOperation(
      [&socket](auto handler) { socket.async_wait(Socket::wait_write, handler); });
}

// Reads what is there into the buffer's free room and commits nothing: the caller commits
// result.bytes. The end of the stream is the error asio::error::eof. REQUIRES: buffer.free_size() >
// 0
inline auto read_some(Socket& socket, Buffer& buffer) {
  TANDEM_ASSERT(buffer.free_size() > 0);
  const asio::mutable_buffer room(buffer.free_begin(), buffer.free_size());
  return detail::SocketOperation(
      [&socket, room](auto handler) { socket.async_read_some(room, handler); });
}

inline auto connect(Socket& socket, const TcpEndpoint& endpoint) {
  return detail::SocketOperation(
      [&socket, endpoint](auto handler) { socket.async_connect(endpoint, handler); });
}

// Lets everything else that is ready on the loop go first.
class Yield {
 public:
  explicit Yield(asio::io_context& io) : io_(io) {}
  Yield(const Yield&) = delete;
  Yield& operator=(const Yield&) = delete;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    asio::post(io_, [waiter] { waiter.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  asio::io_context& io_;
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
class WriteAll {
 public:
  WriteAll(Socket& socket, std::array<std::string_view, 4> pieces)
      : socket_(socket), pieces_(pieces) {}
  WriteAll(const WriteAll&) = delete;
  WriteAll& operator=(const WriteAll&) = delete;

  // Tries at once: only a full socket buffer makes a coroutine of it.
  bool await_ready() {
    result_ = write_now(socket_, pieces_);
    std::size_t total = 0;
    for (const auto& piece : pieces_) total += piece.size();
    return !result_.ok() || result_.bytes == total;
  }
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

// True when an idle connection can be used: nothing to read, not closed by the peer. One system
// call.
bool is_quiet(Socket& socket);

// True when bytes have arrived that nobody has read yet. One system call.
bool has_unread(Socket& socket);

// Closes, sending what was written (no RST unless unread bytes wait). Errors do not matter here.
void close_socket(Socket& socket);

}  // namespace tandem::master
