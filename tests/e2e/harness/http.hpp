// http.hpp: the clients of the tests: one request, a kept-alive connection, a bare socket.
//
// Addresses are HOST:PORT on loopback. Owner of an object: one thread at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "tests/e2e/harness/wait.hpp"

namespace tandem::e2e {

using Headers = std::multimap<std::string, std::string>;

struct Answer {
  int status = 0;  // 0: no answer came, and `error` says why
  std::string body;
  Headers headers;
  std::string error;
  bool unconnected = false;  // no connection was made: nothing was sent

  // The first field of that name, in any case; empty when there is none.
  std::string header(std::string_view name) const;
};

// What a client speaks; HTTP/2 by prior knowledge.
enum class Protocol { http1, http2 };

// Whom a client trusts, and who it is: files in PEM.
struct ClientCertificate {
  std::string authority;
  std::string certificate;
  std::string key;
};

// A kept-alive client.
class Client {
 public:
  // `timeout`: of connecting, and of each read and write.
  explicit Client(const std::string& address, Milliseconds timeout = patience);
  // Over TLS.
  Client(const std::string& address, const ClientCertificate& self,
         Milliseconds timeout = patience);
  ~Client();
  Client(Client&&) noexcept;

  Answer get(const std::string& path, const Headers& headers = {});
  Answer head(const std::string& path);
  Answer post(const std::string& path, const std::string& body, const Headers& headers = {});
  // The same body without a Content-Length, in chunks.
  Answer post_chunked(const std::string& path, const std::string& body);
  Answer put(const std::string& path, const std::string& body);
  Answer remove(const std::string& path);
  Answer send(const std::string& method, const std::string& path, const std::string& body,
              const Headers& headers);

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

// One request on a connection of its own.
Answer get(const std::string& address, const std::string& path, const Headers& headers = {});
Answer post(const std::string& address, const std::string& path, const std::string& body = {});
Answer put(const std::string& address, const std::string& path, const std::string& body);
Answer remove(const std::string& address, const std::string& path);

// A TCP connection, for what no client library would send, and for clients by the thousand.
class Socket {
 public:
  explicit Socket(const std::string& address);  // throws when it is refused
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&&) = delete;

  void send(std::string_view text);
  // The bytes received until `end` is among them, the peer has closed, or the deadline has passed.
  std::string receive_until(std::string_view end, Milliseconds deadline = patience);
  // How many bytes came next; 0: the peer has closed, or the deadline has passed.
  std::size_t receive_some(Milliseconds deadline = patience);

 private:
  int socket_ = -1;
};

// A path as in a request: characters that are neither unreserved nor '/' are percent-encoded (RFC
// 3986 §2).
std::string encode_path(std::string_view path);

// On 127.0.0.1, with a port that nobody uses and that other processes of these tests leave alone
// as long as this one lives, whether or not somebody listens there: for programs that cannot choose
// one themselves, or have to come back to it.
std::string free_address();

}  // namespace tandem::e2e
