// Workers that do nothing but live: each sends POST /heartbeat to every master once a second, on a
// connection of its own that stays open, as tandem-worker does; they are spread evenly over the
// second.
//
//   bench-heartbeats WORKERS SECONDS TOKEN-FILE HOST:PORT...      the masters' control addresses
//
// Sends for SECONDS and prints, as one line of JSON, how many heartbeats were sent and answered
// with 200. One thread.
#include <fcntl.h>
#include <sys/epoll.h>

#include <chrono>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/loopback.hpp"

namespace {

using namespace tandem::bench;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto interval = 1s;
constexpr unsigned workers_max = 10'000;

struct Connection {
  int socket = -1;
  std::string request;
};

std::string heartbeat_of(unsigned worker, const std::string& token) {
  // Port 9 of an address that no other worker has: nobody is there, and nobody asks.
  const std::string number = std::to_string(worker);
  const std::string address =
      "127.1." + std::to_string(worker / 250) + "." + std::to_string(worker % 250 + 1);
  const std::string body =
      R"({"name": "idle-)" + number + R"(", "incarnation": "bench-)" + number +
      R"(", "service": "default", "address": ")" + address +
      R"(:9", "weight": 100, "connections": 64, "in_flight": 0, "state": "up"})";
  return "POST /heartbeat HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + token +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

int connect_to_master(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == text.npos) die(text.c_str());
  sockaddr_in address = loopback(parse_port(text.c_str() + colon + 1));
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1 ||
      connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    die(text.c_str());
  }
  set_no_delay(socket);
  return socket;
}

// Reads what has come; every answer that begins with 200 counts.
unsigned long read_answers(int epoll) {
  unsigned long answered = 0;
  epoll_event events[256];
  const int ready = epoll_wait(epoll, events, 256, 0);
  for (int i = 0; i < ready; ++i) {
    char bytes[4096];
    const ssize_t read = recv(events[i].data.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (read <= 0) {
      std::fprintf(stderr, "a master closed a connection\n");
      std::exit(1);
    }
    const std::string_view text(bytes, static_cast<std::size_t>(read));
    if (text.find("HTTP/1.1 200") != text.npos) ++answered;
  }
  return answered;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: bench-heartbeats WORKERS SECONDS TOKEN-FILE HOST:PORT...\n");
    return 2;
  }
  raise_file_limit();
  const auto workers = static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10));
  const auto seconds = std::strtol(argv[2], nullptr, 10);
  if (workers == 0 || workers > workers_max || seconds < 1 || seconds > 3'600) {
    std::fprintf(stderr, "1 to %u workers, 1 to 3600 seconds\n", workers_max);
    return 2;
  }
  std::ifstream file(argv[3]);
  std::string token;
  if (!std::getline(file, token)) die(argv[3]);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections;
  for (unsigned worker = 0; worker < workers; ++worker) {
    for (int i = 4; i < argc; ++i) {
      const int socket = connect_to_master(argv[i]);
      epoll_event event{.events = EPOLLIN, .data = {.fd = socket}};
      if (epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) < 0) die("epoll_ctl");
      connections.push_back({socket, heartbeat_of(worker, token)});
    }
  }
  const auto step = std::chrono::duration_cast<Clock::duration>(interval) / connections.size();
  const auto begin = Clock::now();
  auto due = begin;
  unsigned long sent = 0;
  unsigned long answered = 0;
  while (due - begin < std::chrono::seconds(seconds)) {
    for (; due <= Clock::now(); due += step) {
      const auto& [socket, request] = connections[sent++ % connections.size()];
      if (send(socket, request.data(), request.size(), MSG_NOSIGNAL) < 0) die("send");
    }
    answered += read_answers(epoll);
    const timespec pause{.tv_sec = 0, .tv_nsec = 500'000};
    nanosleep(&pause, nullptr);
  }
  for (const auto end = Clock::now() + 2s; answered < sent && Clock::now() < end;) {
    answered += read_answers(epoll);
  }
  std::printf("{\"sent\": %lu, \"answered\": %lu}\n", sent, answered);
}
