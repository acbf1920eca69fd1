// A client that notices gaps: small requests over many connections, and the longest interval in
// which none was answered with 200.
//
//   bench-gap HOST PORT PATIENT IMPATIENT PAUSE_US
//
// Each connection asks, reads the answer, pauses PAUSE_US on average (evenly spread from 0 to twice
// that) and asks again. PATIENT connections wait 5 s for an answer, as clients do: what they do not
// get is a failed request. IMPATIENT ones wait 50 to 150 ms at random, then connect anew: they
// notice within milliseconds that an address answers again, where a patient one would sit in TCP's
// retransmissions; what they give up is counted apart.
//
// Commands on standard input: "mark" begins an interval, "report" prints what it brought as one
// line of JSON; the end of the input ends the program. Instants are CLOCK_MONOTONIC in ns. One
// thread.
#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "bench/loopback.hpp"

namespace {

using namespace tandem::bench;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;

constexpr std::string_view request =
    "GET /hello HTTP/1.1\r\nHost: bench\r\nUser-Agent: gap\r\n\r\n";
constexpr auto patience = 5s;
constexpr auto after_failure = 2ms;

enum class State { idle, connecting, asking };

struct Connection {
  bool patient = true;
  int socket = -1;
  State state = State::idle;
  Instant due{};  // idle: of the next request; else: of giving this one up
  std::string answer;
};

struct Window {
  Instant last_success = Clock::now();
  Instant gap_begin = last_success;
  Instant gap_end = last_success;
  unsigned long answered = 0;
  unsigned long failed = 0;   // refused, broken, another status, or patience at its end
  unsigned long gave_up = 0;  // by the impatient

  void note_silence(Instant until) {
    if (until - last_success <= gap_end - gap_begin) return;
    gap_begin = last_success;
    gap_end = until;
  }
};

enum class Outcome { answered, failed, gave_up };

class Client {
 public:
  Client(sockaddr_in address, unsigned patient, unsigned impatient, std::chrono::microseconds pause)
      : address_(address), pause_(pause), connections_(patient + impatient) {
    for (unsigned i = patient; i < connections_.size(); ++i) connections_[i].patient = false;
    for (auto& each : connections_) each.due = Clock::now() + random_pause();
    epoll_event input{.events = EPOLLIN, .data = {.ptr = nullptr}};
    if (epoll_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, &input) < 0) die("epoll");
  }

  // Until the input ends.
  void run() {
    while (!ended_) {
      const auto wait = std::max(next_due() - Clock::now(), Clock::duration::zero());
      const auto ns = std::chrono::nanoseconds(wait).count();
      const timespec timeout{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
      epoll_event events[64];
      const int ready = epoll_pwait2(epoll_, events, 64, &timeout, nullptr);
      if (ready < 0 && errno != EINTR) die("epoll_pwait2");
      for (int i = 0; i < ready; ++i) {
        if (events[i].data.ptr == nullptr) {
          take_commands();
        } else {
          go_on(*static_cast<Connection*>(events[i].data.ptr));
        }
      }
      for (auto& each : connections_) look_at_clock(each);
    }
  }

 private:
  Instant next_due() const {
    return std::min_element(connections_.begin(), connections_.end(),
                            [](auto& a, auto& b) { return a.due < b.due; })
        ->due;
  }

  Clock::duration between(Clock::duration low, Clock::duration high) {
    return Clock::duration(
        std::uniform_int_distribution<Clock::rep>(low.count(), high.count())(random_));
  }
  Clock::duration random_pause() { return between(0ms, 2 * pause_); }

  void look_at_clock(Connection& each) {
    if (Clock::now() < each.due) return;
    if (each.state == State::idle) return begin(each);
    finish(each, each.patient ? Outcome::failed : Outcome::gave_up);
  }

  void begin(Connection& each) {
    each.due = Clock::now() + (each.patient ? Clock::duration(patience) : between(50ms, 150ms));
    if (each.socket >= 0) return ask(each);
    each.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (each.socket < 0) die("socket");
    set_no_delay(each.socket);
    each.state = State::connecting;
    watch(each, EPOLLOUT, EPOLL_CTL_ADD);
    if (connect(each.socket, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) < 0 &&
        errno != EINPROGRESS) {
      finish(each, Outcome::failed);
    }
  }

  void watch(Connection& each, unsigned events, int how) {
    epoll_event event{.events = events, .data = {.ptr = &each}};
    if (epoll_ctl(epoll_, how, each.socket, &event) < 0) die("epoll_ctl");
  }

  void ask(Connection& each) {
    each.answer.clear();
    each.state = State::asking;
    if (send(each.socket, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      finish(each, Outcome::failed);
    }
  }

  // Its socket is ready for what it waits for, or broken.
  void go_on(Connection& each) {
    if (each.socket < 0) return;
    if (each.state == State::connecting) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(each.socket, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return finish(each, Outcome::failed);
      watch(each, EPOLLIN, EPOLL_CTL_MOD);
      return ask(each);
    }
    char bytes[4096];
    const ssize_t read = recv(each.socket, bytes, sizeof bytes, 0);
    if (read < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (each.state == State::idle) return close_socket(each);  // an idle connection was closed
    if (read <= 0) return finish(each, Outcome::failed);
    each.answer.append(bytes, static_cast<std::size_t>(read));
    if (!is_complete(each.answer)) return;
    // RFC 9112 §9.6: nothing more may be sent.
    if (find_field(each.answer, "\r\nconnection: close\r\n") != std::string::npos)
      close_socket(each);
    finish(each, each.answer.starts_with("HTTP/1.1 200") ? Outcome::answered : Outcome::failed);
  }

  // Where the field of that name and beginning, in small letters, stands in the head; npos:
  // nowhere.
  static std::size_t find_field(std::string_view head, std::string_view field) {
    const auto same = [](char sent, char small) {
      return (sent >= 'A' && sent <= 'Z' ? sent + 32 : sent) == small;
    };
    const auto found = std::search(head.begin(), head.end(), field.begin(), field.end(), same);
    return found == head.end() ? head.npos : static_cast<std::size_t>(found - head.begin());
  }

  static bool is_complete(std::string_view answer) {
    constexpr std::string_view name = "\r\ncontent-length: ";
    const auto head = answer.find("\r\n\r\n");
    if (head == answer.npos) return false;
    const auto field = find_field(answer.substr(0, head), name);
    if (field == answer.npos) {
      std::fprintf(stderr, "an answer without Content-Length\n");
      std::exit(1);
    }
    std::size_t length = 0;
    std::from_chars(answer.data() + field + name.size(), answer.data() + head, length);
    return answer.size() >= head + 4 + length;
  }

  void finish(Connection& each, Outcome outcome) {
    const Instant now = Clock::now();
    each.state = State::idle;
    if (outcome == Outcome::answered) {
      each.due = now + random_pause();
      ++window_.answered;
      window_.note_silence(now);
      window_.last_success = now;
      return;
    }
    close_socket(each);
    each.due = now + between(0ms, 2 * after_failure);
    ++(outcome == Outcome::failed ? window_.failed : window_.gave_up);
  }

  void close_socket(Connection& each) {
    if (each.socket >= 0) close(each.socket);
    each.socket = -1;
  }

  void take_commands() {
    char bytes[256];
    const ssize_t read = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (read <= 0) {
      ended_ = true;
      return;
    }
    commands_.append(bytes, static_cast<std::size_t>(read));
    for (auto end = commands_.find('\n'); end != commands_.npos; end = commands_.find('\n')) {
      const auto command = commands_.substr(0, end);
      commands_.erase(0, end + 1);
      if (command == "mark") window_ = {};
      if (command == "report") report();
    }
  }

  void report() {
    window_.note_silence(Clock::now());
    const auto ns = [](Instant at) {
      return static_cast<long long>(std::chrono::nanoseconds(at.time_since_epoch()).count());
    };
    std::printf(
        "{\"gap_begin\": %lld, \"gap_end\": %lld, \"last_success\": %lld, \"answered\": %lu, "
        "\"failed\": %lu, \"gave_up\": %lu}\n",
        ns(window_.gap_begin), ns(window_.gap_end), ns(window_.last_success), window_.answered,
        window_.failed, window_.gave_up);
    std::fflush(stdout);
  }

  const sockaddr_in address_;
  const std::chrono::microseconds pause_;
  std::vector<Connection> connections_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::mt19937_64 random_{std::random_device{}()};
  Window window_;
  std::string commands_;
  bool ended_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: bench-gap HOST PORT PATIENT IMPATIENT PAUSE_US\n");
    return 2;
  }
  sockaddr_in address = loopback(parse_port(argv[2]));
  if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
    std::fprintf(stderr, "%s is no IPv4 address\n", argv[1]);
    return 2;
  }
  const auto patient = static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10));
  const auto impatient = static_cast<unsigned>(std::strtoul(argv[4], nullptr, 10));
  if (patient + impatient == 0 || patient + impatient > 1'000) {
    std::fprintf(stderr, "1 to 1000 connections\n");
    return 2;
  }
  Client(address, patient, impatient, std::chrono::microseconds(std::strtoul(argv[5], nullptr, 10)))
      .run();
}
