// raw_socket.hpp: a blocking TCP connection on loopback, byte for byte, for tests that say exactly
// what is sent and look exactly at what came. Every operation has a deadline of ten seconds; a test
// that waits longer fails by an exception that says what it waited for.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::test {

class RawSocket {
 public:
  RawSocket() = default;
  explicit RawSocket(int descriptor);
  RawSocket(RawSocket&& other) noexcept;
  RawSocket& operator=(RawSocket&& other) noexcept;
  ~RawSocket();

  static RawSocket connect(std::uint16_t port);

  // Throws std::runtime_error when the peer takes no more.
  void send(std::string_view bytes);
  // False instead of throwing, after `patience_ms` without progress.
  bool try_send(std::string_view bytes, int patience_ms = 10'000);
  // Up to and including `mark`. Throws at the end of the stream and after ten seconds.
  std::string read_until(std::string_view mark);
  std::string read_exactly(std::size_t bytes);
  // Everything up to the end of the stream. `reset` tells whether that was a reset.
  std::string read_to_end(bool* reset = nullptr);
  // Reads up to the end of the stream and throws it away; `count` grows by what came.
  void discard_to_end(std::atomic<std::size_t>& count);
  // True when the peer closes (or resets) within ten seconds without sending anything more.
  bool closes();
  // Reads nothing; returns when the peer has closed or reset the connection, or after ten seconds.
  void wait_for_hang_up();
  // True when nothing arrives and nothing closes for `milliseconds`.
  bool stays_silent(int milliseconds);

  void shutdown_send();
  void close();
  // Closes with RST.
  void reset();
  int descriptor() const { return descriptor_; }

 private:
  bool fill();

  int descriptor_ = -1;
  bool was_reset_ = false;
  std::string buffered_;
};

// A whole message, framing taken off.
struct Message {
  std::string head;  // start line and fields, with their CRLFs
  std::string body;
  std::string trailers;

  std::string start_line() const;
  unsigned status() const;
  // The value of the first field of that name (in any case); empty when there is none.
  std::string field(std::string_view name) const;
  std::size_t count(std::string_view name) const;
};

// Reads a response (framing by RFC 9112 §6.3). `to_head`: it answers a HEAD request.
Message read_response(RawSocket& socket, bool to_head = false);
// Reads a request with a Content-Length, chunked, or empty body.
Message read_request(RawSocket& socket);

}  // namespace tandem::test
