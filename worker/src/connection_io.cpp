#include "worker/src/connection_io.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/assert.hpp"
#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/base/limits.hpp"
#include "common/http/limits.hpp"
#include "common/http1/limits.hpp"

namespace tandem {

ConnectionIo::ConnectionIo(int socket, int stop_event, Timeouts timeouts)
    : socket_(socket),
      stop_event_(stop_event),
      timeouts_(timeouts),
      buffer_(limits::buffer_bytes) {}

bool ConnectionIo::wait_for_request(Duration idle) {
  const auto deadline = now() + idle;
  pollfd watched[2] = {{socket_, POLLIN, 0}, {stop_event_, POLLIN, 0}};
  for (auto left = idle; left > Duration::zero(); left = deadline - now()) {
    while (view().starts_with("\r\n")) consume(2);
    if (!view().empty() && view() != "\r") return true;
    const int ready = ::poll(watched, 2, static_cast<int>(to_ms(left)) + 1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    if (watched[0].revents == 0) return false;  // time to stop
    make_room();
    const auto got = ::recv(socket_, buffer_.data() + end_, buffer_.size() - end_, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return false;
    end_ += static_cast<std::size_t>(got);
  }
  return false;
}

void ConnectionIo::make_room() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (buffer_.size() > limits::buffer_bytes) {
      buffer_.resize(limits::buffer_bytes);
      buffer_.shrink_to_fit();
    }
  }
  if (end_ < buffer_.size()) return;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return;
  }
  TANDEM_ASSERT(buffer_.size() < limits::header_bytes_max);
  buffer_.resize(limits::header_bytes_max);
}

ConnectionIo::Received ConnectionIo::receive(Duration timeout) {
  make_room();
  std::size_t bytes = 0;
  const auto received = receive_at(buffer_.data() + end_, buffer_.size() - end_, timeout, bytes);
  end_ += bytes;
  return received;
}

ConnectionIo::Received ConnectionIo::receive_into(std::span<char> into, std::size_t& bytes) {
  TANDEM_ASSERT(begin_ == end_);
  return receive_at(into.data(), into.size(), timeouts_.read, bytes);
}

ConnectionIo::Received ConnectionIo::receive_at(char* data, std::size_t size, Duration timeout,
                                                std::size_t& bytes) {
  for (;;) {
    const auto got = ::recv(socket_, data, size, MSG_DONTWAIT);
    if (got > 0) {
      bytes = static_cast<std::size_t>(got);
      return Received::bytes;
    }
    if (got < 0 && errno == EINTR) continue;
    if (got == 0 || errno != EAGAIN) return Received::closed;
    if (!wait_for(POLLIN, timeout)) return Received::timed_out;
  }
}

bool ConnectionIo::send(std::string_view first, std::string_view second) {
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

bool ConnectionIo::is_writable() const { return wait_for(POLLOUT, timeouts_.write); }

void ConnectionIo::close_gracefully() {
  if (::shutdown(socket_, SHUT_WR) != 0) return;
  const auto deadline = now() + limits::linger_max;
  for (std::size_t total = 0; total < limits::discarded_bytes_max;) {
    const auto left = deadline - now();
    if (left <= Duration::zero() || !wait_for(POLLIN, left)) return;
    const auto received = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (received <= 0) return;
    total += static_cast<std::size_t>(received);
  }
}

void ConnectionIo::abort() {
  const ::linger reset{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

bool ConnectionIo::wait_for(short events, Duration timeout) const {
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
