// bench-worker: a worker that takes a known time for each request, and serves so many at once.
//
// Requests beyond its slots wait, as they do in a service with a pool of threads. Some may fail: at
// once, with 500. Some may stall: they take another time. GET /health takes no time and no slot,
// nor does GET /seen, which answers how many other requests have come. A thread for each
// connection.
//
//   bench-worker PORT SERVICE_MICROSECONDS SLOTS [FAILING_PERCENT [STALLING_PERCENT STALL_MS]]
#include <poll.h>

#include <atomic>
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
  long stalling_percent;
  std::chrono::milliseconds stall;
  std::atomic<unsigned long> seen;
  std::counting_semaphore<> slots;
};

std::string response(std::string_view status, const std::string& body = "ok") {
  return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::string answer(std::string_view head, Behaviour& behaviour, std::mt19937& random) {
  if (head.starts_with("GET /health ")) return response("200 OK");
  if (head.starts_with("GET /seen ")) return response("200 OK", std::to_string(behaviour.seen));
  ++behaviour.seen;
  const auto happens = [&random](long percent) {
    return static_cast<long>(random() % 100) < percent;
  };
  if (happens(behaviour.failing_percent)) return response("500 Internal Server Error");
  const bool stalls = happens(behaviour.stalling_percent);
  behaviour.slots.acquire();
  std::this_thread::sleep_for(stalls ? behaviour.stall : behaviour.service);
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
    std::fprintf(stderr,
                 "bench-worker PORT SERVICE_MICROSECONDS SLOTS "
                 "[FAILING_PERCENT [STALLING_PERCENT STALL_MS]]\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  const auto number = [argc, argv](int index) { return argc > index ? std::atol(argv[index]) : 0; };
  static Behaviour behaviour{.service = std::chrono::microseconds(number(2)),
                             .failing_percent = number(4),
                             .stalling_percent = number(5),
                             .stall = std::chrono::milliseconds(number(6)),
                             .seen = 0,
                             .slots = std::counting_semaphore<>(number(3))};
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
