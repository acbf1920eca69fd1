// connection_io.hpp: reads from and writes to one accepted connection, each wait with its own
// time-out.
//
// Received bytes are kept in one buffer of 16 KiB, which grows to 64 KiB only for a long head and
// shrinks after it. So a head is contiguous and parsed in place, and bytes that were read ahead are
// kept for the next request.
//
// With credentials of the cluster the connection is TLS, and the caller is whom its certificate
// names. What is read and written is the same.
//
// Owner: the thread that serves the connection.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.hpp"
#include "common/tls/credentials.hpp"

namespace tandem {

class ConnectionIo {
 public:
  struct Timeouts {
    Duration read;   // without a byte arriving
    Duration write;  // without a byte leaving
  };
  enum class Received { bytes, closed, timed_out };

  // Closes neither `socket`, which does not block, nor `stop_event`; both outlive this.
  // `stop_event`: an eventfd that is readable from the moment when idle connections must close.
  ConnectionIo(int socket, int stop_event, Timeouts timeouts);
  ~ConnectionIo();  // says that nothing more is sent, where it is TLS

  // From now on it is TLS. False: there is no handshake in `patience`, or the server stops.
  bool secure(const tls::CredentialsPtr& credentials, Duration patience);
  // Why the handshake was refused, by either side, a few words; empty: it was not, or it has ended
  // without a word, as that of somebody who only looks whether the port is open.
  const std::string& failure() const { return failure_; }
  // Who calls; nothing without TLS.
  const std::optional<tls::Peer>& peer() const { return peer_; }

  // Waits for the first byte of the next request, skipping empty lines (RFC 9112 §2.2). False: none
  // came in `idle`, the caller closed, or the server stops. A request whose first byte has arrived
  // is always served.
  bool wait_for_request(Duration idle);

  // The bytes that have arrived and were not consumed yet. They do not move until receive().
  std::span<char> arrived() { return std::span(buffer_).subspan(begin_, end_ - begin_); }
  std::string_view view() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes) { begin_ += bytes; }

  // Waits for more bytes, which are appended to those that have arrived; these may move. REQUIRES:
  // fewer bytes are there than a head may have.
  Received receive(Duration timeout);
  Received receive() { return receive(timeouts_.read); }
  // The same, directly into `into`; `bytes` is set to their number. REQUIRES: arrived().empty()
  Received receive_into(std::span<char> into, std::size_t& bytes);

  // False: the connection is broken, or no byte was sent for too long.
  bool send(std::string_view first, std::string_view second = {});
  bool is_writable() const;

  // Ends the connection so that the response on its way is not lost: RFC 9112 §9.6.
  void close_gracefully();
  // Ends it with a reset, so that nobody takes the bytes sent so far for a complete response.
  void abort();

  int socket() const { return socket_; }

 private:
  void make_room();
  // What a read or write of some bytes came to; retry: once the socket is ready for `events`.
  struct Step {
    enum class Kind { done, retry, ended } kind;
    std::size_t bytes = 0;
    short events = 0;
  };
  Step read_once(char* data, std::size_t size);
  Step write_once(std::string_view first, std::string_view second);
  Step step_of(int returned) const;
  bool has_pending() const;
  bool wait_for(short events, Duration timeout) const;
  Received receive_at(char* data, std::size_t size, Duration timeout, std::size_t& bytes);

  const int socket_;
  const int stop_event_;
  const Timeouts timeouts_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of the bytes that are not consumed yet
  std::size_t end_ = 0;
  tls::SslPtr ssl_;  // null: in clear
  std::string failure_;
  std::optional<tls::Peer> peer_;
  bool aborted_ = false;
};

}  // namespace tandem
