#include "worker/src/connection_stream.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/base/limits.hpp"

namespace tandem {

namespace {

constexpr auto linger_max = 1s;  // for the caller to read the response and close
constexpr std::size_t linger_bytes_max = 1024 * 1024;

// The numeric address and port that `lookup` (getpeername or getsockname) tells of the socket.
void describe(int socket, int (*lookup)(int, sockaddr*, socklen_t*), std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char host[NI_MAXHOST];
  char service[NI_MAXSERV];
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (lookup(socket, generic, &size) != 0) return;
  if (getnameinfo(generic, size, host, sizeof host, service, sizeof service,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return;
  }
  ip = host;
  port = std::atoi(service);
}

// True for a head that announces a body of known length, which is about to be written: the head can
// wait for it. The heads of streams of unknown length go out at once.
bool may_wait_for_body(std::string_view written) {
  return written.size() <= limits::buffer_bytes && written.starts_with("HTTP/1.") &&
         written.find("\r\nContent-Length: ") != written.npos;
}

}  // namespace

ConnectionStream::ConnectionStream(int socket, int stop_event, Timeouts timeouts)
    : socket_(socket), stop_event_(stop_event), timeouts_(timeouts) {}

bool ConnectionStream::wait_for_request(Duration idle) {
  if (begin_ < end_) return true;
  const auto deadline = now() + idle;
  pollfd watched[2] = {{socket_, POLLIN, 0}, {stop_event_, POLLIN, 0}};
  for (auto left = idle; left > Duration::zero(); left = deadline - now()) {
    const int ready = ::poll(watched, 2, static_cast<int>(to_ms(left)) + 1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    if (watched[0].revents == 0) return false;  // time to stop
    const auto received = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (received <= 0) return false;
    begin_ = 0;
    end_ = static_cast<std::size_t>(received);
    return true;
  }
  return false;
}

bool ConnectionStream::flush() {
  if (held_.empty()) return true;
  const bool sent = send_all(held_, {});
  held_.clear();
  return sent;
}

void ConnectionStream::close_gracefully() {
  if (::shutdown(socket_, SHUT_WR) != 0) return;
  const auto deadline = now() + linger_max;
  for (std::size_t total = 0; total < linger_bytes_max;) {
    const auto left = deadline - now();
    if (left <= Duration::zero() || !wait_for(POLLIN, left)) return;
    const auto received = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (received <= 0) return;
    total += static_cast<std::size_t>(received);
  }
}

bool ConnectionStream::is_readable() const {
  return begin_ < end_ || wait_for(POLLIN, timeouts_.read);
}

bool ConnectionStream::is_writable() const { return wait_for(POLLOUT, timeouts_.write); }

ssize_t ConnectionStream::read(char* data, std::size_t size) {
  if (begin_ == end_) {
    // Whoever waits for the rest of a request may have been told to by a response: "100 Continue".
    if (!flush() || !wait_for(POLLIN, timeouts_.read)) return -1;
    const bool direct = size >= buffer_.size();
    const auto received = ::recv(socket_, direct ? data : buffer_.data(),
                                 direct ? size : buffer_.size(), MSG_DONTWAIT);
    if (direct || received <= 0) return received;
    begin_ = 0;
    end_ = static_cast<std::size_t>(received);
  }
  const auto copied = std::min(size, end_ - begin_);
  std::memcpy(data, buffer_.data() + begin_, copied);
  begin_ += copied;
  return static_cast<ssize_t>(copied);
}

ssize_t ConnectionStream::write(const char* data, std::size_t size) {
  const std::string_view written(data, size);
  if (held_.empty() && may_wait_for_body(written)) {
    held_ = written;
    return static_cast<ssize_t>(size);
  }
  const bool sent = send_all(held_, written);
  held_.clear();
  return sent ? static_cast<ssize_t>(size) : -1;
}

void ConnectionStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  describe(socket_, ::getpeername, ip, port);
}

void ConnectionStream::get_local_ip_and_port(std::string& ip, int& port) const {
  describe(socket_, ::getsockname, ip, port);
}

// cpp-httplib looks at the number alone, to refuse what select() could not take: nothing here
// selects.
socket_t ConnectionStream::socket() const { return socket_ < FD_SETSIZE ? socket_ : -1; }

bool ConnectionStream::send_all(std::string_view first, std::string_view second) {
  while (!first.empty() || !second.empty()) {
    iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                      {const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const auto result = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (result < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN || !wait_for(POLLOUT, timeouts_.write)) return false;
      continue;
    }
    const auto sent = static_cast<std::size_t>(result);
    const auto of_first = std::min(sent, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(sent - of_first);
  }
  return true;
}

bool ConnectionStream::wait_for(short events, Duration timeout) const {
  const auto deadline = now() + timeout;
  pollfd watched{socket_, events, 0};
  for (auto left = timeout; left > Duration::zero(); left = deadline - now()) {
    const int ready = ::poll(&watched, 1, static_cast<int>(to_ms(left)) + 1);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
  return false;
}

}  // namespace tandem
