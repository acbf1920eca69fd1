#include "tls_client.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509.h>

namespace tandem::test {

namespace {

constexpr int progress_max_ms = 10'000;

std::string reason() {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return text == nullptr ? "the connection has ended" : text;
}

std::string common_name_of(SSL* ssl) {
  std::array<char, 256> text{};
  const auto* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text.data(),
                            static_cast<int>(text.size()));
  return text.data();
}

}  // namespace

int TlsClient::keep_session(SSL* ssl, SSL_SESSION* session) {
  auto& self = *static_cast<TlsClient*>(SSL_get_app_data(ssl));
  const std::lock_guard lock(self.mutex_);
  // A copy, for OpenSSL marks its own when the connection ends otherwise than it should.
  self.sessions_.emplace_back(SSL_SESSION_dup(session), &SSL_SESSION_free);
  return 0;
}

void TlsClient::see_record(int is_sent, int, int type, const void* header, std::size_t size, SSL*,
                           void* self) {
  constexpr unsigned char content = 23;
  const auto* bytes = static_cast<const unsigned char*>(header);
  if (is_sent == 1 || type != SSL3_RT_HEADER || size < 5 || bytes[0] != content) return;
  auto& client = *static_cast<TlsClient*>(self);
  const std::lock_guard lock(client.mutex_);
  client.record_sizes_.push_back(std::size_t{bytes[3]} << 8 | bytes[4]);
}

std::vector<std::size_t> TlsClient::record_sizes() const {
  const std::lock_guard lock(mutex_);
  return record_sizes_;
}

TlsClient::TlsClient(std::uint16_t port, const Options& options)
    : options_(options), network_(RawSocket::connect(port)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  const int on = 1;
  ::setsockopt(network_.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options_.receive_buffer > 0) {
    ::setsockopt(network_.descriptor(), SOL_SOCKET, SO_RCVBUF, &options_.receive_buffer,
                 sizeof options_.receive_buffer);
  }
  context_.reset(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context_.get(), options_.version_min);
  SSL_CTX_set_max_proto_version(context_.get(), options_.version_max);
  SSL_CTX_set_security_level(context_.get(), 0);  // it is the gateway that is to refuse
  if (!options_.ciphers.empty() &&
      SSL_CTX_set_cipher_list(context_.get(), options_.ciphers.c_str()) != 1) {
    throw std::runtime_error(reason());
  }
  if (!options_.certificate.empty() &&
      (SSL_CTX_use_certificate_file(context_.get(), options_.certificate.c_str(),
                                    SSL_FILETYPE_PEM) != 1 ||
       SSL_CTX_use_PrivateKey_file(context_.get(), options_.key.c_str(), SSL_FILETYPE_PEM) != 1)) {
    throw std::runtime_error(reason());
  }
  SSL_CTX_set_session_cache_mode(context_.get(),
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context_.get(), &keep_session);
  ssl_.reset(SSL_new(context_.get()), &SSL_free);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_msg_callback(ssl_.get(), &see_record);
  SSL_set_msg_callback_arg(ssl_.get(), this);
  if (options_.falls_back) SSL_set_mode(ssl_.get(), SSL_MODE_SEND_FALLBACK_SCSV);
  in_ = BIO_new(BIO_s_mem());
  out_ = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(in_, -1);
  SSL_set_bio(ssl_.get(), in_, out_);
  if (!options_.server_name.empty()) {
    SSL_set_tlsext_host_name(ssl_.get(), options_.server_name.c_str());
  }
  std::string list;
  for (const auto& each : options_.protocols) list += static_cast<char>(each.size()) + each;
  SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(list.data()),
                      static_cast<unsigned>(list.size()));
  if (options_.session) {
    // OpenSSL resumes a session once.
    const std::shared_ptr<SSL_SESSION> copy(SSL_SESSION_dup(options_.session.get()),
                                            &SSL_SESSION_free);
    SSL_set_session(ssl_.get(), copy.get());
  }
  SSL_set_connect_state(ssl_.get());
  network_.send(options_.before);
  shake_hands();
  if (options_.renegotiates) {
    SSL_renegotiate(ssl_.get());
    shake_hands();
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw std::runtime_error("no socket pair");
  }
  plain_ = RawSocket(ends[0]);
  behind_ = RawSocket(ends[1]);
  thread_ = std::thread([this] { carry(); });
}

TlsClient::~TlsClient() {
  plain_.close();
  ::eventfd_write(stop_, 1);
  if (thread_.joinable()) thread_.join();
  ::close(stop_);
}

void TlsClient::reset() {
  ::eventfd_write(stop_, 1);
  thread_.join();
  network_.reset();
}

void TlsClient::shake_hands() {
  for (;;) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    const auto why = done == 1 ? std::string() : reason();
    const int error = SSL_get_error(ssl_.get(), done);
    send_out();
    if (done == 1) break;
    if (error != SSL_ERROR_WANT_READ) throw std::runtime_error(why);
    pollfd ready{network_.descriptor(), POLLIN, 0};
    if (::poll(&ready, 1, progress_max_ms) <= 0) throw std::runtime_error("no handshake");
    if (options_.after_hello) std::exchange(options_.after_hello, nullptr)();
    if (!read_in()) throw std::runtime_error("the gateway has closed the connection");
  }
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  protocol_.assign(reinterpret_cast<const char*>(name), size);
  common_name_ = common_name_of(ssl_.get());
  resumed_ = SSL_session_reused(ssl_.get()) == 1;
}

// What is encrypted, to the network. False: it takes no more.
bool TlsClient::send_out() {
  std::array<char, 16384> bytes;
  for (;;) {
    const auto most = options_.segment == 0 ? bytes.size() : options_.segment;
    const int got = BIO_read(out_, bytes.data(), static_cast<int>(std::min(most, bytes.size())));
    if (got <= 0) return true;
    if (!network_.try_send({bytes.data(), static_cast<std::size_t>(got)})) return false;
  }
}

// What has come, to OpenSSL. False: it was the end.
bool TlsClient::read_in() {
  std::array<char, 16384> bytes;
  const auto got = ::recv(network_.descriptor(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return true;
  if (got <= 0) return false;
  BIO_write(in_, bytes.data(), static_cast<int>(got));
  return true;
}

void TlsClient::carry() {
  std::array<char, 16384> bytes;
  std::string to_test;  // decrypted, not taken yet
  bool test_sends = true;
  bool gateway_sends = true;
  bool network_open = true;
  while (test_sends || gateway_sends) {
    while (gateway_sends && to_test.empty()) {
      ERR_clear_error();
      const int got = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
      if (got > 0) {
        to_test.assign(bytes.data(), static_cast<std::size_t>(got));
        continue;
      }
      const int error = SSL_get_error(ssl_.get(), got);
      if (error == SSL_ERROR_WANT_READ && network_open) break;
      gateway_sends = false;
      if (error == SSL_ERROR_ZERO_RETURN) behind_.shutdown_send();
      if (error != SSL_ERROR_ZERO_RETURN) {
        was_cut_ = true;
        test_sends = false;
        behind_.shutdown_send();
      }
    }
    if (!send_out()) return;
    pollfd waits[] = {
        {network_.descriptor(),
         static_cast<short>(gateway_sends && network_open && to_test.empty() ? POLLIN : 0), 0},
        {behind_.descriptor(),
         static_cast<short>((test_sends ? POLLIN : 0) | (to_test.empty() ? 0 : POLLOUT)), 0},
        {stop_, POLLIN, 0}};
    ::poll(waits, 3, -1);
    if ((waits[2].revents & POLLIN) != 0) break;
    if ((waits[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && network_open) {
      network_open = read_in();
    }
    if ((waits[1].revents & POLLOUT) != 0) {
      const auto sent =
          ::send(behind_.descriptor(), to_test.data(), to_test.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) to_test.erase(0, static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN) break;
    }
    if ((waits[1].revents & (POLLIN | POLLHUP)) != 0 && test_sends) {
      const auto got = ::recv(behind_.descriptor(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got > 0) {
        SSL_write(ssl_.get(), bytes.data(), static_cast<int>(got));
      } else if (got == 0) {
        test_sends = false;
        if (options_.says_end) SSL_shutdown(ssl_.get());
        send_out();
        network_.shutdown_send();
      } else if (errno != EAGAIN) {
        break;
      }
    }
    if (!network_open && to_test.empty() && BIO_ctrl_pending(in_) == 0 && gateway_sends) {
      was_cut_ = true;
      gateway_sends = false;
      test_sends = false;
      behind_.shutdown_send();
    }
  }
}

std::shared_ptr<SSL_SESSION> TlsClient::session() const {
  const std::lock_guard lock(mutex_);
  if (!sessions_.empty()) return sessions_.back();
  if (!options_.session) throw std::runtime_error("no ticket has come");
  return options_.session;
}

}  // namespace tandem::test
