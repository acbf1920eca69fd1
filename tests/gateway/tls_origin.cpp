#include "tls_origin.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include <openssl/err.h>

namespace tandem::test {

namespace {
constexpr int look_ms = 10;

int choose_http2(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char*,
                 unsigned, void*) {
  *chosen = reinterpret_cast<const unsigned char*>("h2");
  *size = 2;
  return SSL_TLSEXT_ERR_OK;
}
}  // namespace

TlsOrigin::TlsOrigin(const master::tls::CertificateFiles& shown, const Options& options)
    : options_(options), context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free) {
  SSL_CTX* const context = context_.get();
  bool good = SSL_CTX_use_certificate_chain_file(context, shown.certificate.c_str()) == 1 &&
              SSL_CTX_use_PrivateKey_file(context, shown.key.c_str(), SSL_FILETYPE_PEM) == 1;
  if (!options_.client_authority.empty()) {
    good = good && SSL_CTX_load_verify_file(context, options_.client_authority.c_str()) == 1;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  if (options_.speaks_http2) SSL_CTX_set_alpn_select_cb(context, &choose_http2, nullptr);
  listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  good = good && ::bind(listening_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
         ::listen(listening_, 64) == 0 &&
         ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (!good) throw std::runtime_error("no worker with TLS");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { accept_all(); });
}

TlsOrigin::~TlsOrigin() {
  stopping_ = true;
  thread_.join();
  for (auto& client : clients_) client.join();
  ::close(listening_);
}

std::string TlsOrigin::server_name() const {
  const std::lock_guard lock(mutex_);
  return server_name_;
}

void TlsOrigin::accept_all() {
  while (!stopping_) {
    pollfd ready{listening_, POLLIN, 0};
    if (::poll(&ready, 1, look_ms) <= 0) continue;
    const int client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const bool is_silent = ++connections_ <= options_.silent;
    clients_.emplace_back([=, this] { is_silent ? await_end(client) : serve(client); });
  }
}

void TlsOrigin::await_end(int client) const {
  pollfd ended{client, POLLRDHUP, 0};
  while (!stopping_ && ::poll(&ended, 1, look_ms) <= 0) {
  }
  ::close(client);
}

void TlsOrigin::serve(int client) {
  const std::shared_ptr<SSL> ssl(SSL_new(context_.get()), &SSL_free);
  SSL_set_fd(ssl.get(), client);
  if (SSL_accept(ssl.get()) == 1) {
    if (const char* name = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name)) {
      const std::lock_guard lock(mutex_);
      server_name_ = name;
    }
    std::string arrived;
    while (!stopping_) {
      pollfd ready{client, POLLIN, 0};
      if (SSL_pending(ssl.get()) == 0 && ::poll(&ready, 1, look_ms) <= 0) continue;
      std::array<char, 4096> bytes;
      const int got = SSL_read(ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
      if (got <= 0) break;
      arrived.append(bytes.data(), static_cast<std::size_t>(got));
      if (!arrived.ends_with("\r\n\r\n")) continue;
      arrived.clear();
      ++requests_;
      if (options_.drops_requests) break;
      SSL_write(ssl.get(), options_.answer.data(), static_cast<int>(options_.answer.size()));
    }
  }
  ERR_clear_error();
  ::close(client);
}

}  // namespace tandem::test
