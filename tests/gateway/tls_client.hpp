// tls_client.hpp: a client that speaks TLS. The test speaks plainly to one end of a socket pair;
// behind it a thread encrypts, decrypts and carries on, half-closes and resets too. So whatever is
// tested over plain connections can be tested over TLS.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <openssl/ssl.h>

#include "raw_socket.hpp"

namespace tandem::test {

class TlsClient {
 public:
  struct Options {
    std::string server_name{};
    std::vector<std::string> protocols{};  // ALPN, the one that it likes most first
    int version_min = TLS1_2_VERSION;
    int version_max = TLS1_3_VERSION;
    std::string ciphers{};                   // of TLS 1.2; empty: OpenSSL's own
    std::shared_ptr<SSL_SESSION> session{};  // to resume
    std::string certificate{};               // files in PEM; empty: it has none
    std::string key{};
    std::string before{};                 // said before the handshake
    std::size_t segment = 0;              // bytes that are sent at once; 0: as they come
    bool says_end = true;                 // by close_notify
    int receive_buffer = 0;               // of the socket; 0: the system's own
    bool renegotiates = false;            // asks for another handshake at once (TLS 1.2)
    bool falls_back = false;              // says that an attempt with a newer version has failed
    std::function<void()> after_hello{};  // called once when the gateway has begun to answer
  };

  // Connects and shakes hands; throws std::runtime_error with what OpenSSL says when that fails.
  TlsClient(std::uint16_t port, const Options& options);
  explicit TlsClient(std::uint16_t port) : TlsClient(port, Options()) {}
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // Where the test reads and writes.
  RawSocket& socket() { return plain_; }
  RawSocket take_socket() { return std::move(plain_); }

  // ---- of the handshake
  const std::string& protocol() const { return protocol_; }
  std::string version() const { return SSL_get_version(ssl_.get()); }
  bool resumed() const { return resumed_; }
  // The common name of what the gateway has shown.
  const std::string& common_name() const { return common_name_; }
  // The newest ticket that has come with what was read so far; none: the one that was resumed.
  std::shared_ptr<SSL_SESSION> session() const;
  // How long the records are that have come with content, as far as they were read.
  std::vector<std::size_t> record_sizes() const;
  // The connection has ended without close_notify.
  bool was_cut() const { return was_cut_; }
  // Past the encryption. REQUIRES: nothing else is being sent
  void send_raw(std::string_view bytes) { network_.send(bytes); }
  // The TCP connection is reset.
  void reset();

 private:
  static int keep_session(SSL* ssl, SSL_SESSION* session);
  static void see_record(int is_sent, int version, int type, const void* header, std::size_t size,
                         SSL* ssl, void* self);
  void shake_hands();
  void carry();
  bool send_out();
  bool read_in();

  Options options_;
  RawSocket network_;
  RawSocket plain_;
  RawSocket behind_;  // its other end, which the thread has
  int stop_ = -1;     // an eventfd
  std::shared_ptr<SSL_CTX> context_;
  std::shared_ptr<SSL> ssl_;
  BIO* in_ = nullptr;   // of ssl_
  BIO* out_ = nullptr;  // of ssl_
  std::string protocol_;
  std::string common_name_;
  bool resumed_ = false;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<SSL_SESSION>> sessions_;
  std::vector<std::size_t> record_sizes_;
  std::atomic<bool> was_cut_{false};
  std::thread thread_;
};

}  // namespace tandem::test
