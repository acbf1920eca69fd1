#include "raw_socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace tandem::test {

namespace {

constexpr int patience_ms = 10'000;  // of every wait for the peer

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) ==
                  std::tolower(static_cast<unsigned char>(y));
         });
}

template <class Visit>
void for_each_field(const std::string& head, Visit visit) {
  auto line = head.find("\r\n") + 2;
  while (line < head.size()) {
    const auto end = head.find("\r\n", line);
    if (end == line || end == std::string::npos) return;
    const auto text = std::string_view(head).substr(line, end - line);
    const auto colon = text.find(':');
    auto value = text.substr(std::min(colon + 1, text.size()));
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    visit(text.substr(0, colon), value);
    line = end + 2;
  }
}

void read_chunks(RawSocket& socket, Message& message) {
  for (;;) {
    const auto size = std::stoul(socket.read_until("\r\n"), nullptr, 16);
    if (size == 0) break;
    message.body += socket.read_exactly(size);
    if (socket.read_exactly(2) != "\r\n") throw std::runtime_error("a chunk does not end in CRLF");
  }
  for (std::string line; (line = socket.read_until("\r\n")) != "\r\n";) message.trailers += line;
}

}  // namespace

RawSocket::RawSocket(int descriptor) : descriptor_(descriptor) {}
RawSocket::RawSocket(RawSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      was_reset_(other.was_reset_),
      buffered_(std::move(other.buffered_)) {}
RawSocket& RawSocket::operator=(RawSocket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(was_reset_, other.was_reset_);
  std::swap(buffered_, other.buffered_);
  return *this;
}
RawSocket::~RawSocket() { close(); }

RawSocket RawSocket::connect(std::uint16_t port) {
  RawSocket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect");
  }
  return socket;
}

bool RawSocket::try_send(std::string_view bytes, int patience_ms) {
  while (!bytes.empty()) {
    pollfd ready{descriptor_, POLLOUT, 0};
    if (::poll(&ready, 1, patience_ms) <= 0) return false;
    const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void RawSocket::send(std::string_view bytes) {
  if (!try_send(bytes)) throw std::runtime_error("the peer takes no more");
}

bool RawSocket::fill() {
  if (descriptor_ < 0) throw std::runtime_error("this end has closed");
  pollfd ready{descriptor_, POLLIN, 0};
  if (::poll(&ready, 1, patience_ms) <= 0) throw std::runtime_error("nothing came in ten seconds");
  char bytes[65536];
  const auto got = ::recv(descriptor_, bytes, sizeof bytes, 0);
  if (got < 0) was_reset_ = true;
  if (got <= 0) return false;
  buffered_.append(bytes, static_cast<std::size_t>(got));
  return true;
}

std::string RawSocket::read_until(std::string_view mark) {
  std::size_t place;
  while ((place = buffered_.find(mark)) == std::string::npos) {
    if (!fill()) throw std::runtime_error("the stream ended after: " + buffered_);
  }
  auto text = buffered_.substr(0, place + mark.size());
  buffered_.erase(0, text.size());
  return text;
}

std::string RawSocket::read_exactly(std::size_t bytes) {
  while (buffered_.size() < bytes) {
    if (!fill()) throw std::runtime_error("the stream ended after: " + buffered_);
  }
  auto text = buffered_.substr(0, bytes);
  buffered_.erase(0, bytes);
  return text;
}

std::string RawSocket::read_to_end(bool* reset) {
  while (fill()) {
  }
  if (reset != nullptr) *reset = was_reset_;
  return std::exchange(buffered_, {});
}

void RawSocket::discard_to_end(std::atomic<std::size_t>& count) {
  do {
    count += buffered_.size();
    buffered_.clear();
  } while (fill());
}

bool RawSocket::closes() { return buffered_.empty() && !fill(); }

bool RawSocket::stays_silent(int milliseconds) {
  pollfd ready{descriptor_, POLLIN, 0};
  return buffered_.empty() && ::poll(&ready, 1, milliseconds) == 0;
}

void RawSocket::wait_for_hang_up() {
  pollfd gone{descriptor_, POLLRDHUP, 0};
  ::poll(&gone, 1, patience_ms);
}

void RawSocket::shutdown_send() { ::shutdown(descriptor_, SHUT_WR); }

void RawSocket::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void RawSocket::reset() {
  const linger at_once{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

std::string Message::start_line() const { return head.substr(0, head.find("\r\n")); }
unsigned Message::status() const { return static_cast<unsigned>(std::stoul(head.substr(9, 3))); }

std::string Message::field(std::string_view name) const {
  std::string found;
  for_each_field(head, [&](auto each, auto value) {
    if (found.empty() && equals_ignoring_case(each, name)) found = value;
  });
  return found;
}

std::size_t Message::count(std::string_view name) const {
  std::size_t count = 0;
  for_each_field(head, [&](auto each, auto) { count += equals_ignoring_case(each, name) ? 1 : 0; });
  return count;
}

Message read_response(RawSocket& socket, bool to_head) {
  Message message;
  message.head = socket.read_until("\r\n\r\n");
  const auto status = message.status();
  if (to_head || status < 200 || status == 204 || status == 304) return message;
  if (message.field("Transfer-Encoding") == "chunked") {
    read_chunks(socket, message);
  } else if (message.count("Content-Length") > 0) {
    message.body = socket.read_exactly(std::stoul(message.field("Content-Length")));
  } else {
    message.body = socket.read_to_end();
  }
  return message;
}

Message read_request(RawSocket& socket) {
  Message message;
  message.head = socket.read_until("\r\n\r\n");
  if (message.field("Transfer-Encoding") == "chunked") {
    read_chunks(socket, message);
  } else if (message.count("Content-Length") > 0) {
    message.body = socket.read_exactly(std::stoul(message.field("Content-Length")));
  }
  return message;
}

}  // namespace tandem::test
