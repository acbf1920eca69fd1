#include "tests/e2e/raw_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "tests/e2e/raw_h2_connection.hpp"

namespace tandem::e2e {

namespace {

void set_on(int socket, int level, int option) {
  const int on = 1;
  setsockopt(socket, level, option, &on, sizeof on);
}

// The first request in `input`, which is taken from it; nothing while it is not whole.
std::optional<RawRequest> take_request(std::string& input) {
  const auto end = input.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::string head = input.substr(0, end);
  std::transform(head.begin(), head.end(), head.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::string_view name = "\r\ncontent-length: ";
  const auto field = head.find(name);
  const auto length = field == std::string::npos
                          ? 0
                          : number_in(std::string_view(head).substr(field + name.size()));
  if (input.size() < end + 4 + length) return std::nullopt;
  std::istringstream line(input.substr(0, end));
  RawRequest request;
  line >> request.method >> request.target;
  request.body = input.substr(end + 4, length);
  input.erase(0, end + 4 + length);
  return request;
}

}  // namespace

void reset_when_closed(int socket) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::size_t number_in(std::string_view text) {
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::uint16_t RawServer::open(std::uint16_t port, const std::string& host) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  set_on(listener_, SOL_SOCKET, SO_REUSEPORT);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = inet_addr(host.c_str());
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 1024) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("cannot listen");
    std::exit(1);
  }
  accepting_ = std::thread([this] { accept_all(); });
  return ntohs(address.sin_port);
}

void RawServer::close(Connections connections) {
  if (!is_open()) return;
  shutdown(listener_, SHUT_RDWR);  // wakes accept()
  accepting_.join();
  ::close(listener_);
  if (connections == Connections::stay) return;
  const std::lock_guard lock(mutex_);
  for (const int socket : sockets_) {
    reset_when_closed(socket);
    shutdown(socket, SHUT_RDWR);
  }
}

void RawServer::accept_all() {
  for (;;) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    set_on(socket, IPPROTO_TCP, TCP_NODELAY);
    {
      const std::lock_guard lock(mutex_);
      sockets_.insert(socket);
    }
    std::thread([this, socket] { serve(socket); }).detach();
  }
}

void RawServer::serve(int socket) {
  std::string input;
  while (serve_one(socket, input)) {
  }
  const std::lock_guard lock(mutex_);
  sockets_.erase(socket);
  ::close(socket);
}

bool RawServer::serve_one(int socket, std::string& input) {
  auto request = take_request(input);
  for (char buffer[16 * 1024]; !request; request = take_request(input)) {
    const auto got = recv(socket, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    input.append(buffer, static_cast<std::size_t>(got));
    if (speaks_h2(input)) {
      serve_h2(socket, input, handler_);
      return false;
    }
  }
  const RawReply reply = handler_(*request);
  if (reply.resets) reset_when_closed(socket);
  for (std::string_view left = reply.bytes; !left.empty();) {
    const auto sent = send(socket, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
  return !reply.resets;
}

}  // namespace tandem::e2e
