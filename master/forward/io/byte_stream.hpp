// byte_stream.hpp: a connected byte stream, as HTTP sees it: what its messages are read from and
// written to, whether it is carried by TCP alone or by TLS.
//
// One concrete class, so that the ordinary request pays for no call through a table: what is read
// is chosen where a read begins, and a write takes one branch. Whoever wants to know how the peer
// is asks the stream, never its socket: unread bytes of a socket need not be anything to read.
//
// A read waits for an edge unless one is remembered (reactor.hpp). A write is tried at once, for a
// socket buffer nearly always has room, and waits only for what did not fit. A cancelled operation
// completes with operation_aborted. Owner: the loop of the socket.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "master/forward/io/buffer.hpp"
#include "master/forward/io/socket_io.hpp"
#include "master/forward/io/task.hpp"
#include "master/forward/io/tls_session.hpp"

namespace tandem::master {

class ByteStream {
 public:
  // Not connected yet: that is done by its socket.
  explicit ByteStream(Reactor& reactor) : socket_(reactor) {}
  explicit ByteStream(Socket socket) : socket_(std::move(socket)) {}

  Socket& socket() { return socket_; }
  Reactor& reactor() { return socket_.reactor(); }
  bool is_open() const { return socket_.is_open(); }
  // From now on it is carried by TLS. REQUIRES: is_open(), and the session is of its socket
  void secure(std::unique_ptr<TlsSession> session) { tls_ = std::move(session); }
  // Null: it is carried by TCP alone.
  TlsSession* tls() { return tls_.get(); }

  // Who waits for it is told operation_aborted.
  void cancel() { socket_.cancel(); }
  // The same; what was written is still sent, unless unread bytes wait: then the peer is reset.
  void close() {
    if (tls_ != nullptr && is_open()) tls_->end();
    socket_.close();
  }
  // The same, but for what was written: the peer learns that this was not all.
  void reset();
  // Nothing more is sent; the other direction goes on.
  void shutdown_send() {
    if (tls_ != nullptr && is_open()) tls_->end();
    socket_.shutdown_send();
  }

  // ---- while nothing is asked of the peer
  // `function` is called when it says something or closes. REQUIRES: is_open()
  void expect_quiet(void (*function)(void*), void* context);
  void expect_answer() { socket_.descriptor()->on_stir = nullptr; }
  // An edge is remembered: there is something to read, or was while a read took all there was room
  // for.
  bool has_stirred() const { return socket_.has_stirred(); }
  // Nothing is to be read and the peer has not closed. One system call, when has_stirred().
  bool stays_quiet();
  // The same, whatever is remembered. One system call.
  bool is_quiet();

  // ---- how the peer is
  // Bytes have arrived that nobody has read yet. One system call.
  bool has_unread();
  enum class Peer {
    there,
    sends_no_more,  // it has shut down its direction, or has closed: TCP does not tell which
    gone,
  };
  // One system call.
  Peer peer();
  // Sends the peer something that it may ignore, if there is room for it now. False: it cannot be
  // sent anything, or only a part of this, which would garble what follows.
  bool offer(std::string_view text);
  // What the peer's system has acknowledged since the connection was made, whatever that carried; 0
  // when it is not known. One system call.
  std::uint64_t acknowledged_bytes();
  // Something that was written has not been acknowledged yet. One system call.
  bool has_unacknowledged();

  // Writes as much of up to four pieces as there is room for now; never waits. No room is no error:
  // bytes = 0.
  IoResult write_now(std::span<const std::string_view> pieces) {
    if (tls_ != nullptr) [[unlikely]]
      return write_records(pieces);
    return tandem::master::write_now(socket_.native_handle(), pieces);
  }

 private:
  IoResult write_records(std::span<const std::string_view> pieces);

  Socket socket_;
  std::unique_ptr<TlsSession> tls_;
};

// Reads what is there into the buffer's free room and commits nothing: the caller commits
// result.bytes. The end of the stream is the error asio::error::eof. REQUIRES: buffer.free_size() >
// 0, or it has no block and a pool is given, from which it has one when there are bytes. So who
// waits owns no buffer, and the block that bytes come into is the one that was used last.
class ReadSome : public detail::Waiting {
 public:
  ReadSome(ByteStream& stream, Buffer& buffer, BufferPool* pool = nullptr)
      : Waiting(stream.socket(), stream.tls() == nullptr ? &read : &read_records),
        tls_(stream.tls()),
        buffer_(buffer),
        pool_(pool) {
    TANDEM_ASSERT(buffer.has_block() ? buffer.free_size() > 0 : pool != nullptr);
  }
  void await_suspend(std::coroutine_handle<> handle) {
    wait_to_read(handle, tls_ != nullptr && tls_->has_more());
  }

 private:
  static bool read(Operation& operation, Descriptor& descriptor);
  static bool read_records(Operation& operation, Descriptor& descriptor);

  TlsSession* const tls_;
  Buffer& buffer_;
  BufferPool* pool_;
};

inline ReadSome read_some(ByteStream& stream, Buffer& buffer) { return {stream, buffer}; }
inline ReadSome read_some(ByteStream& stream, Buffer& buffer, BufferPool& pool) {
  return {stream, buffer, &pool};
}

// Writes all of the pieces, of which `written` bytes have been, waiting for room as often as
// needed. The bytes must live until it is done.
Task<IoResult> write_rest(ByteStream& stream, std::array<std::string_view, 4> pieces,
                          std::size_t written);

// Writes all of up to four pieces, in one system call when there is room for them. `result.bytes`
// is what was handed on, also on failure: it says whether the peer may have seen a part. Tries at
// once: who finds it done() need not watch the time, and only a full socket buffer makes a
// coroutine of it.
class WriteAll {
 public:
  WriteAll(ByteStream& stream, std::array<std::string_view, 4> pieces)
      : stream_(stream), pieces_(pieces), result_(stream.write_now(pieces_)) {}
  WriteAll(const WriteAll&) = delete;
  WriteAll& operator=(const WriteAll&) = delete;

  bool done() const {
    std::size_t total = 0;
    for (const auto& piece : pieces_) total += piece.size();
    return !result_.ok() || result_.bytes == total;
  }
  bool await_ready() const { return done(); }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) {
    rest_.emplace(write_rest(stream_, pieces_, result_.bytes));
    return rest_->await_suspend(waiter);
  }
  IoResult await_resume() { return rest_ ? rest_->await_resume() : result_; }

 private:
  ByteStream& stream_;
  std::array<std::string_view, 4> pieces_;
  IoResult result_;
  std::optional<Task<IoResult>> rest_;
};

inline WriteAll write_all(ByteStream& stream, std::string_view a, std::string_view b = {},
                          std::string_view c = {}, std::string_view d = {}) {
  return WriteAll(stream, {a, b, c, d});
}

}  // namespace tandem::master
