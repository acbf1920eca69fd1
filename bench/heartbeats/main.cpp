// Workers that do nothing but live: each sends POST /heartbeat to every master once a second; they
// are spread evenly over the second.
//
//   bench-heartbeats [--short] [--connections N] [--restart-at SECOND]
//                    WORKERS SECONDS TOKEN-FILE HOST:PORT...      the masters' control addresses
//
// By default each sends all that it has to say, each time, on a connection of its own, as a worker
// of any language does. --short: as tandem-worker does, the short form as soon as the master has
// the whole. --connections: so many to each master, which the workers share. --restart-at: then all
// of them lose their connections and come back at once, each as a new process.
//
// Sends for SECONDS and prints, as one line of JSON, how many heartbeats were sent, how many of
// them in full, and how they were answered. One thread.
#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <deque>
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

struct Options {
  bool is_short = false;
  unsigned connections = 0;  // to each master; 0: one for each worker
  long restart_at = -1;      // seconds
  unsigned workers = 0;
  long seconds = 0;
  std::string token;
  std::vector<std::string> masters;
};

// A worker, as one master knows it.
struct Sender {
  unsigned worker = 0;
  std::size_t connection = 0;
  bool is_kept = false;  // the master has the whole document
};

struct Connection {
  int socket = -1;
  std::string unread;
  std::deque<std::size_t> asked;  // the senders whose answers are still to come
};

struct Counts {
  unsigned long sent = 0, in_full = 0, answered = 0, unchanged = 0, wanted_in_full = 0, refused = 0;
};

class Workers {
 public:
  explicit Workers(Options options) : options_(std::move(options)), epoll_(epoll_create1(0)) {
    const unsigned shared = options_.connections == 0 ? options_.workers : options_.connections;
    const std::size_t masters = options_.masters.size();
    connections_.resize(shared * masters);
    for (unsigned worker = 0; worker < options_.workers; ++worker) {
      for (std::size_t i = 0; i < masters; ++i) {
        senders_.push_back({.worker = worker, .connection = (worker % shared) * masters + i});
      }
    }
  }

  std::size_t size() const { return senders_.size(); }
  const Counts& counts() const { return counts_; }

  void beat(std::size_t place) {
    auto& sender = senders_[place];
    auto& connection = connections_[sender.connection];
    if (connection.socket < 0) connect(sender.connection);
    const auto request = request_of(sender);
    if (send(connection.socket, request.data(), request.size(), MSG_NOSIGNAL) < 0) die("send");
    connection.asked.push_back(place);
    ++counts_.sent;
    if (!(options_.is_short && sender.is_kept)) ++counts_.in_full;
  }

  void read_answers() {
    epoll_event events[256];
    const int ready = epoll_wait(epoll_, events, 256, 0);
    for (int i = 0; i < ready; ++i) {
      auto& connection = connections_[events[i].data.u64];
      char bytes[16384];
      const ssize_t read = recv(connection.socket, bytes, sizeof bytes, MSG_DONTWAIT);
      if (read <= 0) {
        std::fprintf(stderr, "a master closed a connection\n");
        std::exit(1);
      }
      connection.unread.append(bytes, static_cast<std::size_t>(read));
      while (take_answer(connection)) continue;
    }
  }

  void restart() {
    ++incarnation_;
    for (auto& connection : connections_) {
      if (connection.socket >= 0) close(connection.socket);
      connection = {};
    }
    for (auto& sender : senders_) sender.is_kept = false;
    for (std::size_t place = 0; place < senders_.size(); ++place) {
      beat(place);
      if (place % 64 == 0) read_answers();
    }
  }

 private:
  std::string request_of(const Sender& sender) const {
    // Port 9 of an address that no other worker has: nobody is there, and nobody asks.
    const auto number = std::to_string(sender.worker);
    const auto who = R"({"name":"idle-)" + number + R"(","incarnation":"bench-)" + number + "-" +
                     std::to_string(incarnation_) + '"';
    std::string body = who;
    if (options_.is_short && sender.is_kept) {
      body += R"(,"repeats":1,"in_flight":0,"term":0})";
    } else {
      body += R"(,"service":"default","address":"127.1.)" + std::to_string(sender.worker / 250) +
              "." + std::to_string(sender.worker % 250 + 1) +
              R"(:9","weight":100,"connections":64,"in_flight":0,"state":"up","sequence":1})";
    }
    return "POST /heartbeat HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + options_.token +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }

  void connect(std::size_t place) {
    const auto& text = options_.masters[place % options_.masters.size()];
    const auto colon = text.find(':');
    if (colon == text.npos) die(text.c_str());
    sockaddr_in address = loopback(parse_port(text.c_str() + colon + 1));
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1 ||
        ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
      die(text.c_str());
    }
    set_no_delay(socket);
    connections_[place].socket = socket;
    epoll_event event{.events = EPOLLIN, .data = {.u64 = place}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) < 0) die("epoll_ctl");
  }

  // False: it has not arrived as a whole.
  bool take_answer(Connection& connection) {
    auto& text = connection.unread;
    const auto head = text.find("\r\n\r\n");
    if (head == text.npos) return false;
    const auto length = text.find("Content-Length: ");
    std::size_t body = 0;
    if (length < head) body = std::strtoul(text.c_str() + length + 16, nullptr, 10);
    if (text.size() < head + 4 + body) return false;
    const auto status = text.substr(9, 3);
    text.erase(0, head + 4 + body);
    const auto place = connection.asked.front();
    connection.asked.pop_front();
    senders_[place].is_kept = status == "200" || status == "204";
    if (status == "200")
      ++counts_.answered;
    else if (status == "204")
      ++counts_.unchanged;
    else if (status == "412")
      ++counts_.wanted_in_full;
    else
      ++counts_.refused;
    if (status == "412") beat(place);
    return true;
  }

  const Options options_;
  const int epoll_;
  unsigned incarnation_ = 0;
  std::vector<Sender> senders_;
  std::vector<Connection> connections_;
  Counts counts_;
};

[[noreturn]] void misused() {
  std::fprintf(stderr,
               "usage: bench-heartbeats [--short] [--connections N] [--restart-at SECOND] WORKERS "
               "SECONDS TOKEN-FILE HOST:PORT...\n1 to %u workers, 1 to 3600 seconds\n",
               workers_max);
  std::exit(2);
}

Options read_options(int argc, char** argv) {
  Options options;
  int next = 1;
  for (; next < argc && std::string_view(argv[next]).starts_with("--"); ++next) {
    const std::string_view flag = argv[next];
    if (flag == "--short") {
      options.is_short = true;
    } else if (flag == "--connections" && next + 1 < argc) {
      options.connections = static_cast<unsigned>(std::strtoul(argv[++next], nullptr, 10));
    } else if (flag == "--restart-at" && next + 1 < argc) {
      options.restart_at = std::strtol(argv[++next], nullptr, 10);
    } else {
      misused();
    }
  }
  if (argc - next < 4) misused();
  options.workers = static_cast<unsigned>(std::strtoul(argv[next], nullptr, 10));
  options.seconds = std::strtol(argv[next + 1], nullptr, 10);
  if (options.workers == 0 || options.workers > workers_max) misused();
  if (options.seconds < 1 || options.seconds > 3'600) misused();
  std::ifstream file(argv[next + 2]);
  if (!std::getline(file, options.token)) die(argv[next + 2]);
  options.masters.assign(argv + next + 3, argv + argc);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  raise_file_limit();
  const auto options = read_options(argc, argv);
  Workers workers(options);
  const auto step = std::chrono::duration_cast<Clock::duration>(interval) / workers.size();
  const auto begin = Clock::now();
  auto due = begin;
  bool is_restarted = options.restart_at < 0;
  for (std::size_t next = 0; due - begin < std::chrono::seconds(options.seconds);) {
    if (!is_restarted && due - begin >= std::chrono::seconds(options.restart_at)) {
      is_restarted = true;
      workers.restart();
      due = Clock::now();
    }
    // Answers are read also when the machine is too slow for all this.
    for (int i = 0; i < 64 && due <= Clock::now(); ++i, due += step) {
      workers.beat(next++ % workers.size());
    }
    workers.read_answers();
    const timespec pause{.tv_sec = 0, .tv_nsec = 500'000};
    if (due > Clock::now()) nanosleep(&pause, nullptr);
  }
  const auto& counts = workers.counts();
  const auto open = [&] {
    return counts.answered + counts.unchanged + counts.wanted_in_full + counts.refused <
           counts.sent;
  };
  for (const auto end = Clock::now() + 2s; open() && Clock::now() < end;) workers.read_answers();
  std::printf(
      "{\"sent\": %lu, \"in_full\": %lu, \"answered\": %lu, \"unchanged\": %lu, "
      "\"wanted_in_full\": %lu, \"refused\": %lu}\n",
      counts.sent, counts.in_full, counts.answered, counts.unchanged, counts.wanted_in_full,
      counts.refused);
}
