#include "common/http/channel.hpp"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "common/base/assert.hpp"

namespace tandem {

namespace asio = boost::asio;
using boost::system::error_code;
using Step = Channel::Step;

namespace {

// What went wrong with a certificate says more than that the handshake failed.
std::string failure_of(const SSL* ssl) {
  const auto verified = SSL_get_verify_result(ssl);
  const auto reason = tls::openssl_reason();
  if (verified == X509_V_OK) return "TLS: " + reason;
  if (verified == X509_V_ERR_APPLICATION_VERIFICATION) {
    return "TLS: its certificate is not one of a member of this cluster";
  }
  return std::string("TLS: its certificate is not accepted: ") +
         X509_verify_cert_error_string(verified);
}

}  // namespace

DetachedChannel::~DetachedChannel() {
  if (descriptor >= 0) ::close(descriptor);
}

Channel::Channel(asio::io_context& loop, DetachedChannel&& detached)
    : socket_(loop),
      credentials_(std::move(detached.credentials)),
      ssl_(std::move(detached.ssl)),
      peer_(std::move(detached.peer)) {
  TANDEM_ASSERT(detached.descriptor >= 0);
  error_code error;
  const int descriptor = std::exchange(detached.descriptor, -1);
  socket_.assign(detached.protocol, descriptor, error);
  if (error) ::close(descriptor);
  // OpenSSL waits for nothing.
  if (!error) socket_.non_blocking(true, error);
}

Channel::~Channel() {
  if (parked_ >= 0) ::close(parked_);
}

void Channel::close() {
  ++life_;
  error_code ignored;
  socket_.close(ignored);
  if (parked_ >= 0) ::close(std::exchange(parked_, -1));
}

int Channel::park() {
  TANDEM_ASSERT(socket_.is_open() && parked_ < 0);
  error_code error;
  protocol_ = socket_.local_endpoint(error).protocol();
  parked_ = socket_.release(error);
  return parked_;
}

std::shared_ptr<DetachedChannel> Channel::detach() {
  const int descriptor = park();
  parked_ = -1;
  ++life_;
  auto detached = std::make_shared<DetachedChannel>(descriptor, protocol_);
  detached->credentials = std::move(credentials_);
  detached->ssl = std::move(ssl_);
  detached->peer = std::exchange(peer_, std::nullopt);
  return detached;
}

error_code Channel::unpark() {
  TANDEM_ASSERT(parked_ >= 0);
  error_code error;
  const int descriptor = std::exchange(parked_, -1);
  socket_.assign(protocol_, descriptor, error);
  if (error) ::close(descriptor);
  return error;
}

bool Channel::has_more() const { return ssl_ != nullptr && SSL_has_pending(ssl_.get()) == 1; }

Channel::Moved Channel::read_now(void* room, std::size_t bytes) {
  TANDEM_ASSERT(parked_ >= 0);
  Moved moved;
  if (ssl_ != nullptr) {
    error_code ignored;
    moved.step = move_bytes(Direction::in, {room, bytes}, moved.bytes, ignored);
    return moved;
  }
  const auto read = ::recv(parked_, room, bytes, MSG_DONTWAIT);
  if (read > 0) return {static_cast<std::size_t>(read), Step::done};
  const bool waits = read < 0 && (errno == EAGAIN || errno == EINTR);
  return {0, waits ? Step::wants_read : Step::failed};
}

Channel::Moved Channel::write_now(const void* content, std::size_t bytes) {
  TANDEM_ASSERT(parked_ >= 0);
  Moved moved;
  if (ssl_ != nullptr) {
    error_code ignored;
    moved.step =
        move_bytes(Direction::out, {const_cast<void*>(content), bytes}, moved.bytes, ignored);
    return moved;
  }
  const auto sent = ::send(parked_, content, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return {static_cast<std::size_t>(sent), Step::done};
  return {0, errno == EAGAIN ? Step::wants_write : Step::failed};
}

void Channel::end() {
  if (ssl_ != nullptr && peer_ && failure_.empty()) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Channel::secure(tls::CredentialsPtr credentials, tls::Side side) {
  TANDEM_ASSERT(socket_.is_open() && credentials != nullptr);
  ++life_;
  peer_.reset();
  failure_.clear();
  error_code ignored;
  socket_.non_blocking(true, ignored);
  ssl_.reset();
  credentials_ = std::move(credentials);
  ssl_ = credentials_->begin(socket_.native_handle(), side);
}

Step Channel::note(int returned, error_code& error) {
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ: return Step::wants_read;
    case SSL_ERROR_WANT_WRITE: return Step::wants_write;
    case SSL_ERROR_ZERO_RETURN: error = asio::error::eof; return Step::failed;
    case SSL_ERROR_SYSCALL:
      error = errno != 0 ? error_code(errno, boost::system::system_category())
                         : error_code(asio::error::connection_reset);
      // An established connection is not refused, whatever the system says.
      if (error == asio::error::connection_refused) error = asio::error::connection_reset;
      break;
    default:
      // An end without a word (RFC 8446 §6.1) is a connection that broke.
      if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        error = asio::error::connection_reset;
      } else {
        error = boost::system::errc::make_error_code(boost::system::errc::protocol_error);
        failure_ = failure_of(ssl_.get());
      }
      break;
  }
  ERR_clear_error();
  return Step::failed;
}

Step Channel::shake_hands() {
  ERR_clear_error();
  errno = 0;
  error_code error;
  const int returned = SSL_do_handshake(ssl_.get());
  if (returned != 1) {
    const auto step = note(returned, error);
    if (step == Step::failed && failure_.empty()) {
      failure_ = "TLS: the connection ended in the handshake";
    }
    return step;
  }
  auto peer = credentials_->peer_of(ssl_.get());
  if (!peer) {
    failure_ = "TLS: " + peer.error().message;
    return Step::failed;
  }
  peer_ = std::move(*peer);
  return Step::done;
}

asio::awaitable<error_code> Channel::wait(Step wanted) {
  const auto life = life_;
  error_code error;
  co_await socket_.async_wait(wanted == Step::wants_read ? Socket::wait_read : Socket::wait_write,
                              keeping(error));
  if (!error && life != life_) error = asio::error::operation_aborted;
  co_return error;
}

asio::awaitable<error_code> Channel::secure_now(tls::CredentialsPtr credentials, tls::Side side) {
  secure(std::move(credentials), side);
  for (;;) {
    const auto step = shake_hands();
    if (step == Step::done) co_return error_code();
    if (step == Step::failed) {
      co_return boost::system::errc::make_error_code(boost::system::errc::protocol_error);
    }
    auto waiting = wait(step);
    const auto error = co_await std::move(waiting);
    if (error) co_return error;
  }
}

std::string Channel::reason(const error_code& error) const {
  return failure_.empty() ? error.message() : failure_;
}

asio::awaitable<error_code> Channel::wait_readable() {
  if (has_more()) co_return error_code();
  const auto life = life_;
  error_code error;
  co_await socket_.async_wait(Socket::wait_read, keeping(error));
  if (!error && life != life_) error = asio::error::operation_aborted;
  co_return error;
}

Step Channel::move_bytes(Direction direction, Span span, std::size_t& bytes, error_code& error) {
  if (!is_open()) {
    error = asio::error::bad_descriptor;
    return Step::failed;
  }
  if (span.size == 0) return Step::done;
  ERR_clear_error();
  errno = 0;
  const int returned = direction == Direction::in
                           ? SSL_read_ex(ssl_.get(), span.data, span.size, &bytes)
                           : SSL_write_ex(ssl_.get(), span.data, span.size, &bytes);
  return returned == 1 ? Step::done : note(returned, error);
}

}  // namespace tandem
