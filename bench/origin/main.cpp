// bench-origin: the server behind the proxies that are compared, far cheaper than any of them.
//
// Each thread has a listener and an epoll of its own. Responses are made once, at the start; a
// request is looked at only for its end and its path. It answers GET for the paths below, POST
// with a Content-Length as GET of /128, once it has read all, and 404 for the rest.
//
//   bench-origin PORT [THREADS]
//   /128  /64k  /1m  with Content-Length; /chunked: 64 KiB in chunks of 8 KiB; /health
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/loopback.hpp"

using namespace tandem::bench;

namespace {

constexpr std::size_t request_bytes_max = 64 * 1024;

std::string response(std::string_view status, std::size_t body_bytes) {
  std::string text =
      "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: text/plain\r\nContent-Length: ";
  text += std::to_string(body_bytes) + "\r\n\r\n";
  return text.append(body_bytes, 'x');
}

std::string chunked_response() {
  std::string text =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 8; ++i) text.append("2000\r\n").append(8192, 'x').append("\r\n");
  return text.append("0\r\n\r\n");
}

const std::map<std::string, std::string, std::less<>> responses = {
    {"/128", response("200 OK", 128)},
    {"/64k", response("200 OK", 64 * 1024)},
    {"/1m", response("200 OK", 1024 * 1024)},
    {"/chunked", chunked_response()},
    {"/health", response("200 OK", 2)}};
const std::string not_found = response("404 Not Found", 0);

// The answer to a request that begins with "GET /path HTTP/1.1".
const std::string& answer(std::string_view head) {
  if (head.starts_with("POST ")) return responses.find("/128")->second;
  if (!head.starts_with("GET ")) return not_found;
  const auto path = head.substr(4, head.find(' ', 4) - 4);
  const auto found = responses.find(path);
  return found == responses.end() ? not_found : found->second;
}

// Bytes of the body that follows the head: what Content-Length says, 0 without one.
std::size_t body_bytes(std::string_view head) {
  if (!head.starts_with("POST ")) return 0;
  for (const std::string_view name : {"Content-Length: ", "content-length: "}) {
    const auto found = head.find(name);
    if (found != head.npos) {
      return std::strtoul(head.data() + found + name.size(), nullptr, 10);
    }
  }
  return 0;
}

struct Connection {
  int socket;
  std::size_t body_left = 0;            // of a request whose head has been read
  std::string input{};                  // the beginning of a request that is not whole yet
  const std::string* output = nullptr;  // being sent
  std::size_t sent = 0;
};

class Loop {
 public:
  explicit Loop(std::uint16_t port)
      : listener_(listen_on(port)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) die("epoll_create1");
    watch(listener_, nullptr, EPOLL_CTL_ADD, EPOLLIN);
  }

  std::uint16_t port() const { return port_of(listener_); }

  [[noreturn]] void run() {
    std::array<epoll_event, 512> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      for (int i = 0; i < count; ++i) {
        auto* connection = static_cast<Connection*>(events[i].data.ptr);
        if (connection == nullptr) {
          accept_all();
        } else if (!(connection->output != nullptr && connection->body_left == 0
                         ? send_more(*connection)
                         : receive(*connection))) {
          close(connection->socket);
          delete connection;
        }
      }
    }
  }

 private:
  void watch(int socket, Connection* connection, int operation, std::uint32_t what) {
    epoll_event event{};
    event.events = what;
    event.data.ptr = connection;
    epoll_ctl(epoll_, operation, socket, &event);
  }

  void accept_all() {
    for (;;) {
      const int socket = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0) return;
      set_no_delay(socket);
      watch(socket, new Connection{socket}, EPOLL_CTL_ADD, EPOLLIN);
    }
  }

  // False when the connection is over.
  bool receive(Connection& connection) {
    const ssize_t got = recv(connection.socket, buffer_.data(), buffer_.size(), 0);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    std::string_view text(buffer_.data(), static_cast<std::size_t>(got));
    // One request at a time: nobody here pipelines.
    if (connection.body_left > 0) {
      connection.body_left -= std::min(connection.body_left, text.size());
      return connection.body_left > 0 || send_more(connection, EPOLLIN);
    }
    if (!connection.input.empty()) text = connection.input.append(text);
    const auto head_end = text.find("\r\n\r\n");
    if (head_end == text.npos) {
      if (connection.input.empty()) connection.input = text;
      return connection.input.size() <= request_bytes_max;
    }
    const auto head = text.substr(0, head_end + 4);
    const auto body = text.size() - head.size();
    connection.output = &answer(head);
    connection.sent = 0;
    connection.body_left = body_bytes(head) - std::min(body_bytes(head), body);
    connection.input.clear();
    return connection.body_left > 0 || send_more(connection, EPOLLIN);
  }

  bool send_more(Connection& connection, std::uint32_t watched = EPOLLOUT) {
    const std::string& output = *connection.output;
    while (connection.sent < output.size()) {
      const ssize_t sent = send(connection.socket, output.data() + connection.sent,
                                output.size() - connection.sent, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) return false;
        if (watched != EPOLLOUT) watch(connection.socket, &connection, EPOLL_CTL_MOD, EPOLLOUT);
        return true;
      }
      connection.sent += static_cast<std::size_t>(sent);
    }
    connection.output = nullptr;
    if (watched == EPOLLOUT) watch(connection.socket, &connection, EPOLL_CTL_MOD, EPOLLIN);
    return true;
  }

  int listener_;
  int epoll_;
  std::array<char, 64 * 1024> buffer_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: bench-origin PORT [THREADS]\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  const int threads = argc == 3 ? std::atoi(argv[2]) : 1;
  Loop first(parse_port(argv[1]));
  const auto port = first.port();
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back([port] { Loop(port).run(); });
  std::printf("bench-origin ready listen=127.0.0.1:%u\n", port);
  std::fflush(stdout);
  first.run();
}
