#include "worker/src/connection_server.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <fmt/format.h>

#include "common/base/limits.hpp"
#include "worker/src/connection_stream.hpp"

namespace tandem {

namespace {

Duration as_duration(time_t seconds, time_t microseconds) {
  return std::chrono::seconds(seconds) + std::chrono::microseconds(microseconds);
}

// A listening socket, or -1 with errno set. No SO_REUSEPORT: two workers on one port are a mistake.
int listen_on(const Endpoint& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found) !=
      0) {
    errno = EINVAL;
    return -1;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  const int listener = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return -1;
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener, found->ai_addr, found->ai_addrlen) == 0 &&
      ::listen(listener, limits::listen_backlog) == 0) {
    return listener;
  }
  const int reason = errno;
  ::close(listener);
  errno = reason;
  return -1;
}

std::uint16_t port_of(int socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size);
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                           : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

// Makes up for what cpp-httplib does with bodies. It reads none with GET and its like, and would
// take what is left over for the next request: true means that the connection must not be used
// again. And where it expects one it reads to the end of the connection unless a length is given.
bool leaves_body_unread(httplib::Request& request) {
  const bool reads_body = request.method == "POST" || request.method == "PUT" ||
                          request.method == "PATCH" || request.method == "DELETE";
  const bool chunked = request.has_header("Transfer-Encoding");
  if (reads_body) {
    if (!chunked && !request.has_header("Content-Length"))
      request.set_header("Content-Length", "0");
    return false;
  }
  const auto length = request.get_header_value("Content-Length");
  if (!chunked && (length.empty() || length == "0")) return false;
  request.headers.erase("Connection");
  request.set_header("Connection", "close");  // is then said in the response
  return true;
}

// Whether something of the request that this thread is serving will be left over on its connection.
thread_local bool leftover = false;

}  // namespace

ConnectionServer::ConnectionServer() {
  set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    for (const auto& hook : hooks_) {
      if (!hook(request, response)) continue;
      // The body, if there is one, has not been read, and now nobody will.
      const auto length = request.get_header_value("Content-Length");
      const bool empty = length.empty() || length == "0";
      if (!empty || request.has_header("Transfer-Encoding")) leftover = true;
      return HandlerResponse::Handled;
    }
    return HandlerResponse::Unhandled;
  });
  set_keep_alive_max_count(limits::worker_requests_max);
  set_keep_alive_timeout(std::chrono::seconds(limits::worker_idle_max).count());
  set_read_timeout(limits::body_idle_max);
  set_write_timeout(limits::body_idle_max);
  set_payload_max_length(limits::worker_body_bytes_max);
}

void ConnectionServer::before_request(Hook hook) {
  TANDEM_ASSERT(stop_event_ < 0);
  hooks_.push_back(std::move(hook));
}

ConnectionServer::~ConnectionServer() {
  stop(Duration::zero());
  if (stop_event_ >= 0) ::close(stop_event_);
}

Result<Endpoint> ConnectionServer::open(const Endpoint& address, unsigned connections_max) {
  TANDEM_ASSERT(stop_event_ < 0);
  stop_event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  const int listener = stop_event_ < 0 ? -1 : listen_on(address);
  if (listener < 0) {
    return fail(ErrorCode::io,
                fmt::format("cannot listen on {}: {}", address.to_string(), std::strerror(errno)));
  }
  svr_sock_ = listener;
  connections_max_ = connections_max;
  try {
    acceptor_ = std::thread([this] { accept_connections(); });
  } catch (const std::system_error& error) {
    return fail(ErrorCode::io, fmt::format("no thread to accept connections: {}", error.what()));
  }
  return Endpoint{address.host, port_of(listener)};
}

void ConnectionServer::stop(Duration patience) {
  if (stopping_.exchange(true) || stop_event_ < 0) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(stop_event_, &one, sizeof one);
  {
    const std::lock_guard lock(mutex_);
    work_.notify_all();
    freed_.notify_all();
  }
  if (acceptor_.joinable()) acceptor_.join();
  // Refuses new callers; the number itself stays, for cpp-httplib aborts streams when it is gone.
  if (svr_sock_ != INVALID_SOCKET) ::shutdown(svr_sock_, SHUT_RDWR);
  {
    std::unique_lock lock(mutex_);
    const auto all_closed = [this] { return open_.empty() && accepted_.empty(); };
    if (!freed_.wait_for(lock, patience, all_closed)) {
      for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
    }
  }
  for (auto& thread : threads_) thread.join();
  const int listener = svr_sock_.exchange(INVALID_SOCKET);
  if (listener >= 0) ::close(listener);
}

void ConnectionServer::accept_connections() {
  pollfd watched[2] = {{svr_sock_, POLLIN, 0}, {stop_event_, POLLIN, 0}};
  while (!stopping_) {
    wait_for_a_free_thread();
    if (::poll(watched, 2, -1) < 0 && errno != EINTR) return;
    if (watched[1].revents != 0) return;
    const int socket = ::accept4(svr_sock_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket >= 0) {
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      hand_over(socket);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // What is short comes back when something closes; until then stay off the processor.
      ::poll(&watched[1], 1, 10);
    }
  }
}

void ConnectionServer::wait_for_a_free_thread() {
  std::unique_lock lock(mutex_);
  freed_.wait(lock,
              [this] { return open_.size() + accepted_.size() < connections_max_ || stopping_; });
}

void ConnectionServer::hand_over(int socket) {
  const std::lock_guard lock(mutex_);
  accepted_.push_back(socket);
  if (open_.size() + accepted_.size() > threads_.size()) {
    try {
      threads_.emplace_back([this] { serve_connections(); });
    } catch (const std::system_error&) {
      // The system gives no more threads: the connection waits for one that exists, if any does.
      if (threads_.empty()) {
        accepted_.pop_back();
        ::close(socket);
        return;
      }
    }
  }
  work_.notify_one();
}

void ConnectionServer::serve_connections() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return !accepted_.empty() || stopping_; });
    if (accepted_.empty()) return;
    const int socket = accepted_.front();
    accepted_.pop_front();
    open_.insert(socket);
    lock.unlock();
    serve_requests(socket);
    lock.lock();
    // Closed under the lock: stop() must never shut down a number that means another connection.
    open_.erase(socket);
    ::close(socket);
    freed_.notify_all();
  }
}

void ConnectionServer::serve_requests(int socket) {
  ConnectionStream stream(socket, stop_event_,
                          {as_duration(read_timeout_sec_, read_timeout_usec_),
                           as_duration(write_timeout_sec_, write_timeout_usec_)});
  for (auto left = keep_alive_max_count_; left > 0; --left) {
    if (!stream.wait_for_request(as_duration(keep_alive_timeout_sec_, 0))) return;
    in_flight_.fetch_add(1, std::memory_order_relaxed);
    const bool is_last = left == 1 || stopping_;
    bool closed_by_caller = false;
    leftover = false;
    bool answered =
        process_request(stream, is_last, closed_by_caller,
                        [](httplib::Request& request) { leftover = leaves_body_unread(request); });
    answered = stream.flush() && answered;
    in_flight_.fetch_sub(1, std::memory_order_relaxed);
    if (!answered || leftover) return stream.close_gracefully();
    if (is_last || closed_by_caller) return;
  }
}

}  // namespace tandem
