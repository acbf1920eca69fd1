// tls_origin.hpp: a worker that speaks TLS, and answers every request with the same.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <openssl/ssl.h>

#include "master/forward/tls/certificate.hpp"

namespace tandem::test {

class TlsOrigin {
 public:
  struct Options {
    std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure";
    std::string client_authority{};  // a file; empty: nobody is asked for a certificate
    bool speaks_http2 = false;       // it says so (ALPN); but it answers as before
    bool drops_requests = false;     // closes the connection when it has read one
    unsigned silent = 0;             // so many connections, the first ones, are said nothing on
  };
  // Shows that certificate.
  TlsOrigin(const master::tls::CertificateFiles& shown, const Options& options);
  explicit TlsOrigin(const master::tls::CertificateFiles& shown) : TlsOrigin(shown, Options()) {}
  ~TlsOrigin();
  TlsOrigin(const TlsOrigin&) = delete;
  TlsOrigin& operator=(const TlsOrigin&) = delete;

  std::uint16_t port() const { return port_; }
  unsigned connections() const { return connections_; }
  unsigned requests() const { return requests_; }
  // The name that the last client has asked for (SNI).
  std::string server_name() const;

 private:
  void accept_all();
  void serve(int client);
  void await_end(int client) const;

  const Options options_;
  std::shared_ptr<SSL_CTX> context_;
  int listening_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<unsigned> connections_{0};
  std::atomic<unsigned> requests_{0};
  mutable std::mutex mutex_;
  std::string server_name_;
  std::vector<std::thread> clients_;
  std::thread thread_;
};

}  // namespace tandem::test
