// channel.hpp: a TCP connection of the control plane for Boost.Asio, plain or with TLS: what is
// read and written is the same for those who use it.
//
// It is an Asio stream: asio::async_write() and Beast's parsers take it. OpenSSL reads from the
// socket and writes to it itself, and an idle connection holds no buffers. A handshake that fails
// is an error of its own, never a refused connection: it says nothing about the end of a process.
//
// Owner: the thread of its loop. It outlives what was begun on it, which ends with
// operation_aborted once it is closed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio.hpp>

#include "common/tls/credentials.hpp"

namespace tandem {

// For co_await: an error is a value, in `error`, and not thrown.
inline auto keeping(boost::system::error_code& error) {
  return boost::asio::redirect_error(boost::asio::use_awaitable, error);
}

// A connection between two owners, whose loops may differ: whoever holds it has it alone. Any one
// thread. Closed when nobody takes it.
struct DetachedChannel {
  using Protocol = boost::asio::ip::tcp;

  DetachedChannel(int socket, Protocol of) : descriptor(socket), protocol(of) {}
  ~DetachedChannel();
  DetachedChannel(const DetachedChannel&) = delete;
  DetachedChannel& operator=(const DetachedChannel&) = delete;

  int descriptor;  // -1: it has been taken
  Protocol protocol;
  tls::CredentialsPtr credentials{};  // null, as are the next two: plain
  tls::SslPtr ssl{};
  std::optional<tls::Peer> peer{};
};

class Channel {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using executor_type = Socket::executor_type;
  using error_code = boost::system::error_code;

  explicit Channel(boost::asio::io_context& loop) : socket_(loop) {}
  explicit Channel(Socket connected) : socket_(std::move(connected)) {}
  // Nobody else has it from now on. If `loop` cannot watch it, this one is closed.
  Channel(boost::asio::io_context& loop, DetachedChannel&& detached);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  executor_type get_executor() { return socket_.get_executor(); }
  // For opening and connecting it.
  Socket& socket() { return socket_; }
  bool is_open() const { return socket_.is_open() || parked_ >= 0; }
  void close();
  // Says that nothing more is sent.
  void end();
  // It leaves this one, which is closed then. REQUIRES: it is open and not parked, and nothing is
  // under way.
  std::shared_ptr<DetachedChannel> detach();

  // ---- TLS
  enum class Step { done, wants_read, wants_write, failed };
  // From now on everything is TLS. REQUIRES: the socket is connected.
  void secure(tls::CredentialsPtr credentials, tls::Side side);
  // Goes as far as it can now; then wait() as it says, and again. One step may take the processor
  // for a few hundred microseconds.
  Step shake_hands();
  boost::asio::awaitable<error_code> wait(Step wanted);
  // All of it.
  boost::asio::awaitable<error_code> secure_now(tls::CredentialsPtr credentials, tls::Side side);
  // Who is at the other end; nothing without TLS, or before the handshake is done.
  const std::optional<tls::Peer>& peer() const { return peer_; }
  // What it was secured with; null: it was not.
  const tls::CredentialsPtr& credentials() const { return credentials_; }
  // What TLS has failed for, a few words; empty: it has not.
  const std::string& failure() const { return failure_; }
  // In place of error.message(): what TLS says, where it has failed.
  std::string reason(const error_code& error) const;

  // ---- without the loop
  // Asio watches it no more; returns its descriptor. REQUIRES: it is open, and nothing is under
  // way.
  int park();
  // The descriptor while it is parked.
  int parked() const { return parked_; }
  // Asio watches it again. REQUIRES: it is parked. Errors: the system's; then it is closed.
  error_code unpark();
  // Reads or writes at once, as much as is possible now: how many bytes, and whether it `failed`,
  // or would have to wait. With TLS one call may leave bytes that have come already: has_more().
  struct Moved {
    std::size_t bytes = 0;
    Step step = Step::done;
  };
  Moved read_now(void* room, std::size_t bytes);
  Moved write_now(const void* content, std::size_t bytes);
  bool has_more() const;

  // ---- the stream
  // Waits until there is something to read.
  boost::asio::awaitable<error_code> wait_readable();

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& room) {
          if (ssl_ == nullptr) return socket_.async_read_some(room, std::move(handler));
          const boost::asio::mutable_buffer first = first_of<boost::asio::mutable_buffer>(room);
          transfer({*this, {first.data(), first.size()}, Direction::in, life_}, std::move(handler));
        },
        token, buffers);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& content) {
          if (ssl_ == nullptr) return socket_.async_write_some(content, std::move(handler));
          const boost::asio::const_buffer first = first_of<boost::asio::const_buffer>(content);
          transfer({*this, {const_cast<void*>(first.data()), first.size()}, Direction::out, life_},
                   std::move(handler));
        },
        token, buffers);
  }

 private:
  enum class Direction { in, out };
  struct Span {
    void* data;
    std::size_t size;
  };

  // Reads or writes once, waiting for the socket as often as OpenSSL wants it.
  struct Transfer {
    Channel& channel;
    Span span;
    Direction direction;
    std::uint64_t life;
    bool begun = false;
    std::optional<std::pair<error_code, std::size_t>> outcome{};

    template <class Self>
    void operator()(Self& self, error_code error = {}) {
      if (outcome) return self.complete(outcome->first, outcome->second);
      // The channel may have been closed, and opened again, while the handler was queued.
      if (!error && life != channel.life_) error = boost::asio::error::operation_aborted;
      std::size_t bytes = 0;
      const auto step = error ? Step::failed : channel.move_bytes(direction, span, bytes, error);
      if (step == Step::wants_read || step == Step::wants_write) {
        begun = true;
        return channel.socket_.async_wait(
            step == Step::wants_read ? Socket::wait_read : Socket::wait_write, std::move(self));
      }
      if (begun) return self.complete(error, bytes);
      // Nothing may complete before the call that began it has returned.
      outcome = {error, bytes};
      boost::asio::post(channel.socket_.get_executor(), std::move(self));
    }
  };

  template <class Handler>
  void transfer(Transfer operation, Handler handler) {
    boost::asio::async_compose<Handler, void(error_code, std::size_t)>(std::move(operation),
                                                                       handler, socket_);
  }

  template <class Buffer, class Buffers>
  static Buffer first_of(const Buffers& buffers) {
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto each = boost::asio::buffer_sequence_begin(buffers); each != end; ++each) {
      if (Buffer(*each).size() > 0) return *each;
    }
    return {};
  }

  Step move_bytes(Direction direction, Span span, std::size_t& bytes, error_code& error);
  Step note(int returned, error_code& error);

  Socket socket_;
  int parked_ = -1;  // the descriptor while it is parked
  Socket::protocol_type protocol_ = Socket::protocol_type::v4();  // of what is parked
  tls::CredentialsPtr credentials_;                               // outlives ssl_
  tls::SslPtr ssl_;                                               // null: plain
  std::optional<tls::Peer> peer_;
  std::string failure_;
  std::uint64_t life_ = 0;  // counts what begins and ends, so that what was queued is noticed
};

}  // namespace tandem
