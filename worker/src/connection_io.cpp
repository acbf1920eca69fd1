#include "worker/src/connection_io.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <openssl/err.h>

#include "common/base/assert.hpp"
#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/base/limits.hpp"
#include "common/http/limits.hpp"
#include "common/http1/limits.hpp"

namespace tandem {

ConnectionIo::ConnectionIo(int socket, int stop_event, Timeouts timeouts)
    : socket_(socket),
      stop_event_(stop_event),
      timeouts_(timeouts),
      buffer_(limits::buffer_bytes) {}

ConnectionIo::~ConnectionIo() {
  if (!peer_ || aborted_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

namespace {

// What went wrong with a certificate says more than that the handshake failed.
std::string why_refused(const SSL* ssl) {
  const auto verified = SSL_get_verify_result(ssl);
  if (verified == X509_V_ERR_APPLICATION_VERIFICATION) {
    return "TLS: its certificate is not one of a member of this cluster";
  }
  if (verified != X509_V_OK) {
    return fmt::format("TLS: its certificate is not accepted: {}",
                       X509_verify_cert_error_string(verified));
  }
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  return reason == nullptr ? std::string() : fmt::format("TLS: {}", reason);
}

}  // namespace

bool ConnectionIo::secure(const tls::CredentialsPtr& credentials, Duration patience) {
  ssl_ = credentials->begin(socket_, tls::Side::serves, tls::Resumption::by_tickets);
  const auto deadline = now() + patience;
  for (auto left = patience; left > Duration::zero(); left = deadline - now()) {
    ERR_clear_error();
    const int returned = SSL_do_handshake(ssl_.get());
    auto why = returned == 1 ? std::string() : why_refused(ssl_.get());
    const auto step = step_of(returned);
    if (step.kind == Step::Kind::ended) {
      failure_ = std::move(why);
      return false;
    }
    if (step.kind == Step::Kind::done) {
      auto peer = credentials->peer_of(ssl_.get());
      if (!peer) {
        failure_ = "TLS: " + peer.error().message;
        return false;
      }
      peer_ = std::move(*peer);
      return true;
    }
    pollfd watched[2] = {{socket_, step.events, 0}, {stop_event_, POLLIN, 0}};
    const int ready = ::poll(watched, 2, static_cast<int>(to_ms(left)) + 1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0 || watched[1].revents != 0) return false;
  }
  return false;
}

// ---- one read, one write

ConnectionIo::Step ConnectionIo::step_of(int returned) const {
  if (returned == 1) return {Step::Kind::done};
  const int kind = SSL_get_error(ssl_.get(), returned);
  ERR_clear_error();
  if (kind == SSL_ERROR_WANT_READ) return {Step::Kind::retry, 0, POLLIN};
  if (kind == SSL_ERROR_WANT_WRITE) return {Step::Kind::retry, 0, POLLOUT};
  return {Step::Kind::ended};
}

ConnectionIo::Step ConnectionIo::read_once(char* data, std::size_t size) {
  if (ssl_ != nullptr) {
    std::size_t bytes = 0;
    ERR_clear_error();
    auto step = step_of(SSL_read_ex(ssl_.get(), data, size, &bytes));
    step.bytes = bytes;
    return step;
  }
  const auto got = ::recv(socket_, data, size, MSG_DONTWAIT);
  if (got > 0) return {Step::Kind::done, static_cast<std::size_t>(got)};
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {Step::Kind::retry, 0, POLLIN};
  return {Step::Kind::ended};
}

ConnectionIo::Step ConnectionIo::write_once(std::string_view first, std::string_view second) {
  if (ssl_ != nullptr) {
    const auto& piece = first.empty() ? second : first;
    std::size_t bytes = 0;
    ERR_clear_error();
    auto step = step_of(SSL_write_ex(ssl_.get(), piece.data(), piece.size(), &bytes));
    step.bytes = bytes;
    return step;
  }
  iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                    {const_cast<char*>(second.data()), second.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  const auto sent = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) return {Step::Kind::done, static_cast<std::size_t>(sent)};
  if (errno == EAGAIN || errno == EINTR) return {Step::Kind::retry, 0, POLLOUT};
  return {Step::Kind::ended};
}

// Bytes that the socket tells nothing of.
bool ConnectionIo::has_pending() const { return ssl_ != nullptr && SSL_pending(ssl_.get()) > 0; }

bool ConnectionIo::wait_for_request(Duration idle) {
  const auto deadline = now() + idle;
  pollfd watched[2] = {{socket_, POLLIN, 0}, {stop_event_, POLLIN, 0}};
  for (auto left = idle; left > Duration::zero(); left = deadline - now()) {
    while (view().starts_with("\r\n")) consume(2);
    if (!view().empty() && view() != "\r") return true;
    if (!has_pending()) {
      const int ready = ::poll(watched, 2, static_cast<int>(to_ms(left)) + 1);
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return false;
      if (watched[0].revents == 0) return false;  // time to stop
    }
    make_room();
    const auto got = read_once(buffer_.data() + end_, buffer_.size() - end_);
    if (got.kind == Step::Kind::ended) return false;
    end_ += got.bytes;
  }
  return false;
}

void ConnectionIo::make_room() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (buffer_.size() > limits::buffer_bytes) {
      buffer_.resize(limits::buffer_bytes);
      buffer_.shrink_to_fit();
    }
  }
  if (end_ < buffer_.size()) return;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return;
  }
  TANDEM_ASSERT(buffer_.size() < limits::header_bytes_max);
  buffer_.resize(limits::header_bytes_max);
}

ConnectionIo::Received ConnectionIo::receive(Duration timeout) {
  make_room();
  std::size_t bytes = 0;
  const auto received = receive_at(buffer_.data() + end_, buffer_.size() - end_, timeout, bytes);
  end_ += bytes;
  return received;
}

ConnectionIo::Received ConnectionIo::receive_into(std::span<char> into, std::size_t& bytes) {
  TANDEM_ASSERT(begin_ == end_);
  return receive_at(into.data(), into.size(), timeouts_.read, bytes);
}

ConnectionIo::Received ConnectionIo::receive_at(char* data, std::size_t size, Duration timeout,
                                                std::size_t& bytes) {
  for (;;) {
    const auto got = read_once(data, size);
    if (got.kind == Step::Kind::ended) return Received::closed;
    if (got.kind == Step::Kind::done) {
      bytes = got.bytes;
      return Received::bytes;
    }
    if (!wait_for(got.events, timeout)) return Received::timed_out;
  }
}

bool ConnectionIo::send(std::string_view first, std::string_view second) {
  while (!first.empty() || !second.empty()) {
    const auto sent = write_once(first, second);
    if (sent.kind == Step::Kind::ended) return false;
    if (sent.kind == Step::Kind::retry) {
      if (!wait_for(sent.events, timeouts_.write)) return false;
      continue;
    }
    const auto of_first = std::min(sent.bytes, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(sent.bytes - of_first);
  }
  return true;
}

bool ConnectionIo::is_writable() const { return wait_for(POLLOUT, timeouts_.write); }

void ConnectionIo::close_gracefully() {
  if (peer_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  if (::shutdown(socket_, SHUT_WR) != 0) return;
  const auto deadline = now() + limits::linger_max;
  for (std::size_t total = 0; total < limits::discarded_bytes_max;) {
    const auto left = deadline - now();
    if (left <= Duration::zero() || !wait_for(POLLIN, left)) return;
    const auto received = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (received <= 0) return;
    total += static_cast<std::size_t>(received);
  }
}

void ConnectionIo::abort() {
  aborted_ = true;
  const ::linger reset{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

bool ConnectionIo::wait_for(short events, Duration timeout) const {
  const auto deadline = now() + timeout;
  pollfd watched{socket_, events, 0};
  for (auto left = timeout; left > Duration::zero(); left = deadline - now()) {
    const int ready = ::poll(&watched, 1, static_cast<int>(to_ms(left)) + 1);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
  return false;
}

}  // namespace tandem
