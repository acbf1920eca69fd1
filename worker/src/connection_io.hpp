// connection_io.hpp: one accepted connection: bytes in and out, each wait with its own end.
//
// What arrives is kept in one buffer of 16 KiB, which grows to 64 KiB for a long head alone and is
// given back after it. So a head lies in one piece and is parsed where it lies, and what was read
// ahead of one request is there for the next.
//
// Owner: the thread that serves the connection.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.hpp"

namespace tandem {

class ConnectionIo {
 public:
  struct Timeouts {
    Duration read;   // without a byte arriving
    Duration write;  // without a byte leaving
  };
  enum class Received { bytes, closed, timed_out };

  // Closes neither `socket` nor `stop_event`; both outlive this.
  // `stop_event`: an eventfd that is readable from the moment when idle connections shall close.
  ConnectionIo(int socket, int stop_event, Timeouts timeouts);

  // Waits for the first byte of the next request, past empty lines (RFC 9112 §2.2). False: none
  // came in `idle`, the caller closed, or it is time to stop. A request whose first byte is there
  // is never turned away.
  bool wait_for_request(Duration idle);

  // What has arrived and was not consumed yet. It stays where it is until receive().
  std::span<char> arrived() { return std::span(buffer_).subspan(begin_, end_ - begin_); }
  std::string_view view() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes) { begin_ += bytes; }

  // Waits for more, which is put behind what has arrived already; that may move by it.
  // REQUIRES: fewer bytes are there than a head may have.
  Received receive(Duration timeout);
  Received receive() { return receive(timeouts_.read); }
  // The same into `into`, past the buffer; `bytes` says how many. REQUIRES: arrived().empty()
  Received receive_into(std::span<char> into, std::size_t& bytes);

  // False: the connection is broken, or nothing left for too long.
  bool send(std::string_view first, std::string_view second = {});
  bool is_writable() const;

  // Ends the connection without destroying the response on its way: RFC 9112 §9.6.
  void close_gracefully();
  // Ends it so that nobody takes what was sent for the whole.
  void abort();

  int socket() const { return socket_; }

 private:
  void make_room();
  bool wait_for(short events, Duration timeout) const;
  Received receive_at(char* data, std::size_t size, Duration timeout, std::size_t& bytes);

  const int socket_;
  const int stop_event_;
  const Timeouts timeouts_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what is in the buffer and not yet consumed
  std::size_t end_ = 0;
};

}  // namespace tandem
