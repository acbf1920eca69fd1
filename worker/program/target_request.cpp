#include "worker/program/target_request.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "common/base/clock.hpp"
#include "common/base/own_trouble.hpp"
#include "common/http2/grpc_health.hpp"
#include "common/http2/http2_call.hpp"
#include "common/wire/proxy_protocol.hpp"

namespace tandem {

namespace {

constexpr std::string_view status_line_begin = "HTTP/1.1 200";
// Read so that the target can close normally, and does not log a reset.
constexpr std::size_t answer_bytes_read_max = 16 * 1024;

class Connection {
 public:
  explicit Connection(Instant deadline) : deadline_(deadline) {}
  ~Connection() {
    if (socket_ >= 0) ::close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // 0, or an errno; ETIMEDOUT at the deadline.
  int open(const Endpoint& address);
  int send(std::string_view text);
  // Up to `size` bytes; fewer at the end of the stream. 0, or an errno.
  int receive(char* into, std::size_t size, std::size_t& got);
  // What is there, at least a byte; none at the end of the stream. Likewise.
  int receive_some(char* into, std::size_t size, std::size_t& got);

 private:
  int wait(short events);

  const Instant deadline_;
  int socket_ = -1;
};

int Connection::wait(short events) {
  pollfd watched{socket_, events, 0};
  for (auto left = deadline_ - now(); left > Duration::zero(); left = deadline_ - now()) {
    const auto rounded_up = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    const int ready = ::poll(
        &watched, 1,
        static_cast<int>(std::min<std::int64_t>(rounded_up, std::numeric_limits<int>::max())));
    if (ready > 0) return 0;
    if (ready < 0 && errno != EINTR) return errno;
  }
  return ETIMEDOUT;
}

int Connection::open(const Endpoint& address) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_in);
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  if (inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
  } else if (inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    size = sizeof v6;
  } else {
    return EINVAL;
  }
  socket_ = ::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return errno;
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&storage), size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (const int failed = wait(POLLOUT); failed != 0) return failed;
  int error = 0;
  socklen_t error_size = sizeof error;
  ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &error_size);
  return error;
}

int Connection::send(std::string_view text) {
  while (!text.empty()) {
    const auto sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (const int failed = wait(POLLOUT); failed != 0) return failed;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

int Connection::receive_some(char* into, std::size_t size, std::size_t& got) {
  got = 0;
  for (;;) {
    const auto received = ::recv(socket_, into, size, 0);
    if (received >= 0) {
      got = static_cast<std::size_t>(received);
      return 0;
    }
    if (errno == EAGAIN) {
      if (const int failed = wait(POLLIN); failed != 0) return failed;
    } else if (errno != EINTR) {
      return errno;
    }
  }
}

int Connection::receive(char* into, std::size_t size, std::size_t& got) {
  for (got = 0; got < size;) {
    std::size_t more = 0;
    if (const int failed = receive_some(into + got, size - got, more); failed != 0) return failed;
    if (more == 0) return 0;
    got += more;
  }
  return 0;
}

TargetAnswer no_connection(int error) {
  if (is_own_trouble(error)) return {.probed = std::nullopt, .why = std::strerror(error)};
  if (error == ECONNREFUSED) return {.probed = Probed::refused, .why = "no connection"};
  if (error == ETIMEDOUT) return {.probed = Probed::bad, .why = "no connection in time"};
  return {.probed = Probed::bad, .why = fmt::format("no connection: {}", std::strerror(error))};
}

TargetAnswer judge(std::string_view status_line, const TargetCheck& check) {
  unsigned status = 0;
  const auto* const end = status_line.data() + status_line.size();
  const bool is_http = status_line.size() == status_line_begin.size() &&
                       status_line.starts_with("HTTP/1.") && status_line[8] == ' ';
  if (is_http) {
    const auto parsed = std::from_chars(status_line.data() + 9, end, status);
    if (parsed.ec == std::errc{} && parsed.ptr == end) {
      if (check.expects(status)) return {.probed = Probed::good};
      return {.probed = Probed::bad, .why = fmt::format("status {}", status)};
    }
  }
  return {.probed = Probed::bad,
          .why = status_line.empty() ? "no answer" : "the answer is not HTTP"};
}

TargetAnswer bad(std::string why) { return {.probed = Probed::bad, .why = std::move(why)}; }

TargetAnswer judge(const Http2Call& call, const TargetCheck& check) {
  if (call.end() != Http2Call::End::answered) return bad(call.why());
  if (!check.kind.is_grpc) {
    const auto status = call.answer().status;
    return check.expects(status) ? TargetAnswer{.probed = Probed::good}
                                 : bad(fmt::format("status {}", status));
  }
  auto problem = grpc_health_problem(call.answer());
  return problem.empty() ? TargetAnswer{.probed = Probed::good} : bad(std::move(problem));
}

TargetAnswer ask_in_http2(Connection& connection, const Endpoint& host, const TargetCheck& check) {
  Http2Request request{.path = check.path, .head_only = true};
  if (check.kind.is_grpc) request = grpc_health_request(check.kind.service, check.timeout);
  request.fields.emplace_back("user-agent", "tandem-worker");
  Http2Call call(std::move(request));
  call.begin(host);
  std::array<char, 8 * 1024> bytes{};
  for (std::size_t got = 1; got > 0;) {
    std::string words;
    call.pull(words);
    int error = connection.send(words);
    if (call.is_over()) break;
    if (error == 0) error = connection.receive_some(bytes.data(), bytes.size(), got);
    if (error == ETIMEDOUT) return {.probed = Probed::silent, .why = "no answer in time"};
    if (error != 0) return bad("no answer");
    call.feed({bytes.data(), got});
  }
  return judge(call, check);
}

}  // namespace

TargetAnswer ask_target(const Endpoint& address, const Endpoint& host, const TargetCheck& check) {
  Connection connection(now() + check.timeout);
  if (const int error = connection.open(address); error != 0) return no_connection(error);
  if (check.announced) {  // a failure is that of what follows
    connection.send(wire::proxy_header_of_ours());
  }
  if (check.is_in_http2()) return ask_in_http2(connection, host, check);
  int error = connection.send(fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: tandem-worker\r\nConnection: close\r\n\r\n",
      check.path, host.to_string()));
  std::array<char, status_line_begin.size()> begin{};
  std::size_t got = 0;
  if (error == 0) error = connection.receive(begin.data(), begin.size(), got);
  if (error == ETIMEDOUT) return {.probed = Probed::silent, .why = "no answer in time"};
  if (error != 0) return {.probed = Probed::bad, .why = "no answer"};
  auto answer = judge({begin.data(), got}, check);
  std::array<char, 1024> rest{};
  for (std::size_t total = 0; total < answer_bytes_read_max; total += got) {
    if (connection.receive(rest.data(), rest.size(), got) != 0 || got == 0) break;
  }
  return answer;
}

}  // namespace tandem
