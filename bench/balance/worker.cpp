// bench-worker: a worker that takes a known time for each request, and serves so many at once.
//
// Requests beyond its slots wait, as they do in a service with a pool of threads. Some may fail: at
// once, with 500. GET /health takes no time and no slot. A thread for each connection.
//
//   bench-worker PORT SERVICE_MICROSECONDS SLOTS [FAILING_PERCENT]
#include <poll.h>

#include <chrono>
#include <csignal>
#include <random>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>

#include "bench/loopback.hpp"

using namespace tandem::bench;

namespace {

struct Behaviour {
  std::chrono::microseconds service;
  long failing_percent;
  std::counting_semaphore<> slots;
};

std::string response(std::string_view status) {
  return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 2\r\n\r\nok";
}

std::string answer(std::string_view head, Behaviour& behaviour, std::mt19937& random) {
  if (head.starts_with("GET /health ")) return response("200 OK");
  if (static_cast<long>(random() % 100) < behaviour.failing_percent) {
    return response("500 Internal Server Error");
  }
  behaviour.slots.acquire();
  std::this_thread::sleep_for(behaviour.service);
  behaviour.slots.release();
  return response("200 OK");
}

void serve(int socket, Behaviour& behaviour) {
  std::mt19937 random(static_cast<unsigned>(socket));
  std::string input;
  char buffer[8 * 1024];
  for (;;) {
    const ssize_t got = recv(socket, buffer, sizeof buffer, 0);
    if (got <= 0) break;
    input.append(buffer, static_cast<std::size_t>(got));
    if (!input.ends_with("\r\n\r\n")) continue;
    const auto output = answer(input, behaviour, random);
    input.clear();
    if (send(socket, output.data(), output.size(), MSG_NOSIGNAL) < 0) break;
  }
  close(socket);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "bench-worker PORT SERVICE_MICROSECONDS SLOTS [FAILING_PERCENT]\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  static Behaviour behaviour{std::chrono::microseconds(std::atol(argv[2])),
                             argc > 4 ? std::atol(argv[4]) : 0,
                             std::counting_semaphore<>(std::atol(argv[3]))};
  const int listener = listen_on(parse_port(argv[1]));
  for (;;) {
    pollfd waiting{listener, POLLIN, 0};
    if (poll(&waiting, 1, -1) < 0 && errno != EINTR) die("poll");
    const int socket = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    set_no_delay(socket);
    std::thread([socket] { serve(socket, behaviour); }).detach();
  }
}
