#include "origin.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace tandem::test {

Origin::Origin(Script script) : script_(std::move(script)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener_, 1024) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw std::runtime_error("the origin cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

Origin::~Origin() {
  stop_listening();
  {
    const std::lock_guard lock(mutex_);
    for (const int descriptor : open_) ::shutdown(descriptor, SHUT_RDWR);
  }
  for (auto& thread : threads_) thread.join();
}

void Origin::stop_listening() {
  if (stopping_.exchange(true)) return;
  acceptor_.join();
  ::close(listener_);
}

void Origin::accept_all() {
  while (!stopping_) {
    pollfd ready{listener_, POLLIN, 0};
    if (::poll(&ready, 1, 10) <= 0) continue;
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) continue;
    ++connections_;
    peak_ = std::max<std::size_t>(peak_, ++now_open_);
    const std::lock_guard lock(mutex_);
    open_.push_back(descriptor);
    threads_.emplace_back([this, descriptor] { serve(descriptor); });
  }
}

void Origin::serve(int descriptor) {
  RawSocket socket(descriptor);
  try {
    script_(*this, socket);
  } catch (const std::exception&) {
    // The gateway closed, or the test is over.
  }
  const std::lock_guard lock(mutex_);
  open_.erase(std::find(open_.begin(), open_.end(), descriptor));
  socket.close();
  --now_open_;
}

Message Origin::receive(RawSocket& socket) {
  auto request = read_request(socket);
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
  return request;
}

std::vector<Message> Origin::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

Origin::Script always(std::string response) {
  return [response = std::move(response)](Origin& origin, RawSocket& socket) {
    for (;;) {
      origin.receive(socket);
      socket.send(response);
    }
  };
}

std::string ok(std::string_view body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
}

}  // namespace tandem::test
