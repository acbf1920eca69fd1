// A client that comes again and again: a connection, a TLS handshake, one request, its answer, the
// end.
//
//   bench-handshakes PORT PATH full|resumed 1.2|1.3 CONNECTIONS SECONDS
//
// Each of CONNECTIONS, all at once, begins anew as soon as it has its answer. `resumed`: with the
// newest ticket that has come, at whichever of them; the very first handshakes are full. Prints
// "RESULT answered resumed failed". One thread.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "bench/loopback.hpp"

namespace {

using namespace tandem::bench;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

using SslPtr = std::unique_ptr<SSL, decltype(&SSL_free)>;
using SessionPtr = std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)>;

struct Connection {
  int socket = -1;
  SslPtr ssl{nullptr, &SSL_free};
  bool asked = false;
  std::string answer{};
};

class Client {
 public:
  Client(std::uint16_t port, std::string_view path, bool resumes, int version,
         std::size_t connections)
      : port_(port),
        request_("GET " + std::string(path) + " HTTP/1.1\r\nHost: bench\r\n\r\n"),
        resumes_(resumes),
        context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_, version);
    SSL_CTX_set_max_proto_version(context_, version);
    SSL_CTX_set_session_cache_mode(context_,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context_, &keep);
    SSL_CTX_set_app_data(context_, this);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) die("epoll_create1");
    connections_.resize(connections);
    for (auto& connection : connections_) begin(connection);
  }

  void run(Clock::duration length) {
    const auto end = Clock::now() + length;
    while (Clock::now() < end) {
      std::array<epoll_event, 64> events;
      const int count = epoll_wait(epoll_, events.data(), events.size(), 100);
      for (int i = 0; i < count; ++i) go_on(*static_cast<Connection*>(events[i].data.ptr));
    }
    std::printf("RESULT %zu %zu %zu\n", answered_, resumed_, failed_);
  }

 private:
  static int keep(SSL* ssl, SSL_SESSION* session) {
    auto& self = *static_cast<Client*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    self.session_.reset(SSL_SESSION_dup(session));
    return 0;
  }

  void begin(Connection& connection) {
    connection.socket = connect_to(port_);
    if (connection.socket < 0) die("connect");
    fcntl(connection.socket, F_SETFL, O_NONBLOCK);
    const int on = 1;
    setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection.ssl.reset(SSL_new(context_));
    SSL_set_fd(connection.ssl.get(), connection.socket);
    SSL_set_connect_state(connection.ssl.get());
    if (resumes_ && session_) {
      const SessionPtr copy(SSL_SESSION_dup(session_.get()), &SSL_SESSION_free);
      SSL_set_session(connection.ssl.get(), copy.get());
    }
    connection.asked = false;
    connection.answer.clear();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &connection;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
    go_on(connection);
  }

  void again(Connection& connection) {
    connection.ssl.reset();
    close(connection.socket);
    begin(connection);
  }

  // A flight, and a request, fit into a socket's buffer: only reading has to wait.
  void go_on(Connection& connection) {
    SSL* const ssl = connection.ssl.get();
    ERR_clear_error();
    if (!connection.asked) {
      const int done = SSL_do_handshake(ssl);
      if (done != 1) return check(connection, done);
      SSL_write(ssl, request_.data(), static_cast<int>(request_.size()));
      connection.asked = true;
    }
    for (;;) {
      const int got = SSL_read(ssl, room_.data(), static_cast<int>(room_.size()));
      if (got <= 0) return check(connection, got);
      connection.answer.append(room_.data(), static_cast<std::size_t>(got));
      if (!is_whole(connection.answer)) continue;
      (connection.answer.starts_with("HTTP/1.1 200 ") ? answered_ : failed_) += 1;
      if (SSL_session_reused(ssl) == 1) ++resumed_;
      return again(connection);
    }
  }

  void check(Connection& connection, int returned) {
    if (SSL_get_error(connection.ssl.get(), returned) == SSL_ERROR_WANT_READ) return;
    ++failed_;
    again(connection);
  }

  static bool is_whole(std::string_view answer) {
    const auto head = answer.find("\r\n\r\n");
    if (head == answer.npos) return false;
    std::size_t body = 0;
    for (const std::string_view name : {"Content-Length: ", "content-length: "}) {
      const auto found = answer.find(name);
      if (found == answer.npos || found > head) continue;
      std::from_chars(answer.data() + found + name.size(), answer.data() + head, body);
    }
    return answer.size() >= head + 4 + body;
  }

  const std::uint16_t port_;
  const std::string request_;
  const bool resumes_;
  SSL_CTX* const context_;  // as long as the process
  int epoll_ = -1;
  SessionPtr session_{nullptr, &SSL_SESSION_free};
  std::vector<Connection> connections_;
  std::array<char, 64 * 1024> room_{};
  std::size_t answered_ = 0;
  std::size_t resumed_ = 0;
  std::size_t failed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr,
                 "usage: bench-handshakes PORT PATH full|resumed 1.2|1.3 CONNECTIONS SECONDS\n");
    return 2;
  }
  const auto connections = std::strtoul(argv[5], nullptr, 10);
  const auto seconds = std::strtoul(argv[6], nullptr, 10);
  if (connections == 0 || seconds == 0) return 2;
  const bool resumes = std::string_view(argv[3]) == "resumed";
  const int version = std::string_view(argv[4]) == "1.2" ? TLS1_2_VERSION : TLS1_3_VERSION;
  static Client client(parse_port(argv[1]), argv[2], resumes, version, connections);
  client.run(std::chrono::seconds(seconds));
}
