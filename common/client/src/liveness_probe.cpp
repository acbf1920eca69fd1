#include "common/client/src/liveness_probe.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include <openssl/err.h>

namespace tandem::client {

namespace {

constexpr std::string_view question =
    "OPTIONS * HTTP/1.1\r\nHost: tandem\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n";

}  // namespace

LivenessProbe::LivenessProbe(int connected, const Endpoint& master, const ClientTls* tls)
    : master_(master), tls_(tls) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  auto* const address = reinterpret_cast<sockaddr*>(&peer);
  if (::getpeername(connected, address, &size) != 0) {
    found_ = Found::unasked;  // the connection itself is broken, and will report that
    return;
  }
  socket_ = ::socket(peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) {
    found_ = Found::unasked;
  } else if (::connect(socket_, address, size) == 0) {
    found_ = connection_came();
  } else if (errno == EADDRNOTAVAIL || errno == ENOBUFS) {
    found_ = Found::unasked;
  } else if (errno != EINPROGRESS) {
    found_ = Found::gone;
  }
  if (found_ == Found::nothing_yet) found_.reset();
}

LivenessProbe::~LivenessProbe() {
  ssl_.reset();
  if (socket_ >= 0) ::close(socket_);
}

LivenessProbe::Found LivenessProbe::connection_came() {
  connected_ = true;
  if (tls_ != nullptr) {
    ssl_ = tls_->begin(master_, socket_);
    const int done = SSL_do_handshake(ssl_.get());
    const bool asks = SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_READ;
    ERR_clear_error();
    return asks ? Found::nothing_yet : Found::alive;
  }
  const auto sent = ::send(socket_, question.data(), question.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(question.size()) ? Found::nothing_yet : Found::alive;
}

LivenessProbe::Found LivenessProbe::look() {
  if (found_) return *found_;
  pollfd now_there = watched();
  if (::poll(&now_there, 1, 0) <= 0) return Found::nothing_yet;
  if (connected_) return Found::alive;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? connection_came() : Found::gone;
}

}  // namespace tandem::client
