// A client that asks at a constant rate, whether answers come or not, and tells how late they were.
//
//   bench-rate PORT PATH CONNECTIONS RATE SECONDS
//
// The n-th request is due n / RATE seconds after the start and is sent on a connection that is
// idle; when none is, it waits. Latency counts from when it was due, so that a server that stalls
// cannot hide it by holding up the clients that would have measured it (coordinated omission).
// Prints "RESULT answered p50 p99 p99.9 failed" in µs; the first second is not counted. A request
// is 630 bytes, as wrk.lua's; answers have a Content-Length. One thread.
#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "bench/loopback.hpp"

namespace {

using namespace tandem::bench;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;

constexpr std::size_t request_bytes = 630;
constexpr std::size_t waiting_max = 1'000'000;  // requests that are due and find no connection
constexpr auto warm_up = 1s;
constexpr auto last_answers = 2s;  // how long is waited for them at the end

struct Connection {
  int socket = -1;
  Instant due{};             // of the request that is being answered
  std::size_t expected = 0;  // bytes of the answer; 0: its head has not ended
  std::string answer{};
};

std::string request_for(std::string_view path) {
  std::string text =
      "GET " + std::string(path) + " HTTP/1.1\r\nHost: www.example.org\r\nCookie: a=";
  const std::string_view end = "\r\n\r\n";
  text.append(request_bytes - text.size() - end.size(), 'a');
  return text.append(end);
}

class Client {
 public:
  Client(std::uint16_t port, std::string_view path, std::size_t connections, double rate)
      : request_(request_for(path)), period_(static_cast<std::int64_t>(1e9 / rate)) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) die("epoll_create1");
    connections_.resize(connections);
    for (auto& connection : connections_) {
      connection.socket = connect_to(port);
      if (connection.socket < 0) die("connect");
      fcntl(connection.socket, F_SETFL, O_NONBLOCK);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &connection;
      epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
      idle_.push_back(&connection);
    }
  }

  void run(Clock::duration length) {
    start_ = Clock::now();
    next_ = start_;
    const auto end = start_ + length;
    while (Clock::now() < end) {
      send_what_is_due(end);
      receive(next_);
    }
    while (idle_.size() < connections_.size() && Clock::now() < end + last_answers) {
      receive(end + last_answers);
    }
    failed_ += connections_.size() - idle_.size() + waiting_.size();
  }

  void report() {
    std::sort(latencies_.begin(), latencies_.end());
    const auto at = [this](double part) {
      if (latencies_.empty()) return 0L;
      return latencies_[static_cast<std::size_t>(part * double(latencies_.size() - 1))] / 1000;
    };
    std::printf("RESULT %zu %ld %ld %ld %zu\n", latencies_.size(), at(0.5), at(0.99), at(0.999),
                failed_);
  }

 private:
  void send_what_is_due(Instant end) {
    for (const auto now = Clock::now(); next_ <= now && next_ < end; next_ += period_) {
      if (waiting_.size() == waiting_max) {
        ++failed_;
      } else {
        waiting_.push_back(next_);
      }
    }
    while (!waiting_.empty() && !idle_.empty()) {
      ask(*idle_.back(), waiting_.front());
      idle_.pop_back();
      waiting_.pop_front();
    }
  }

  void ask(Connection& connection, Instant due) {
    connection.due = due;
    connection.expected = 0;
    connection.answer.clear();
    const auto sent = send(connection.socket, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(request_.size())) die("send");
  }

  void receive(Instant until) {
    const auto left = std::max<Clock::duration>(until - Clock::now(), 0ns);
    const auto nanoseconds = std::chrono::nanoseconds(left).count();
    const timespec timeout{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
    std::array<epoll_event, 256> events;
    const int count = epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
    for (int i = 0; i < count; ++i) take(*static_cast<Connection*>(events[i].data.ptr));
  }

  void take(Connection& connection) {
    const ssize_t got = recv(connection.socket, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) die("the server closed a connection");
    connection.answer.append(buffer_.data(), static_cast<std::size_t>(got));
    if (connection.expected == 0) connection.expected = whole_size(connection.answer);
    if (connection.expected == 0 || connection.answer.size() < connection.expected) return;
    const auto now = Clock::now();
    if (!connection.answer.starts_with("HTTP/1.1 200 ")) {
      ++failed_;
    } else if (connection.due - start_ >= warm_up) {
      latencies_.push_back(std::chrono::nanoseconds(now - connection.due).count());
    }
    idle_.push_back(&connection);
  }

  // Bytes of the answer, once its head is whole.
  static std::size_t whole_size(std::string_view answer) {
    const auto head = answer.find("\r\n\r\n");
    if (head == answer.npos) return 0;
    std::size_t body = 0;
    for (const std::string_view name : {"Content-Length: ", "content-length: "}) {
      const auto found = answer.find(name);
      if (found == answer.npos || found > head) continue;
      std::from_chars(answer.data() + found + name.size(), answer.data() + head, body);
    }
    return head + 4 + body;
  }

  const std::string request_;
  const std::chrono::nanoseconds period_;
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::vector<Connection*> idle_;
  std::deque<Instant> waiting_;  // due, and no connection was idle
  std::vector<long> latencies_;  // ns
  std::array<char, 64 * 1024> buffer_;
  Instant start_{};
  Instant next_{};
  std::size_t failed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: bench-rate PORT PATH CONNECTIONS RATE SECONDS\n");
    return 2;
  }
  raise_file_limit();
  const auto connections = std::strtoul(argv[3], nullptr, 10);
  const double rate = std::strtod(argv[4], nullptr);
  const auto seconds = std::strtoul(argv[5], nullptr, 10);
  if (connections == 0 || rate <= 0 || seconds == 0) return 2;
  static Client client(parse_port(argv[1]), argv[2], connections, rate);
  client.run(std::chrono::seconds(seconds) + warm_up);
  client.report();
}
