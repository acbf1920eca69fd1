// A worker that fails as it is told, for the tests of how a cluster lives with bad workers. It
// registers with the library's Registration and serves by bare sockets, so that it can do what no
// decent server does: reset a connection in the middle of an answer, or cease to listen.
//
//   faulty-worker --name NAME --listen HOST:PORT --master HOST:PORT ... --record FILE
//
// The service: GET /bytes/N answers N bytes, "0123456789" again and again; GET /chunked/N the same
// in chunks; PUT / its own body; POST / "done", after a line with the body, the request's id, was
// written to the record. So the line is there whatever becomes of the answer.
//
// What to do is POSTed to the address after `faults=` in the ready line, and is done when that is
// answered:
//
//   good           serves and is registered, whatever there was before
//   slow MIN MAX   answers after so many milliseconds, at random between the two
//   fails          answers 500
//   resets         breaks off each answer anywhere in its midst, with a reset
//   refuses        resets its connections and listens no more; the heartbeats go on
//   leaves         says bye, then listens no more, and finishes what it has begun
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <tandem/worker.hpp>
#include <thread>

namespace {

struct Request {
  std::string method;
  std::string target;
  std::string body;
};

// What is to be sent, and whether the connection is reset behind it.
struct Reply {
  std::string bytes;
  bool resets = false;
};

using Handler = std::function<Reply(const Request&)>;

std::size_t number_in(std::string_view text) {
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The first request in `input`, which is taken from it; nothing while it is not whole.
std::optional<Request> take_request(std::string& input) {
  const auto end = input.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::string head = input.substr(0, end);
  std::transform(head.begin(), head.end(), head.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::string_view length_field = "\r\ncontent-length: ";
  const auto field = head.find(length_field);
  const auto length =
      field == std::string::npos ? 0 : number_in(std::string_view(head).substr(field + 18));
  if (input.size() < end + 4 + length) return std::nullopt;
  std::istringstream line(input.substr(0, end));
  Request request;
  line >> request.method >> request.target;
  request.body = input.substr(end + 4, length);
  input.erase(0, end + 4 + length);
  return request;
}

// One thread for each connection, and one that accepts.
class Server {
 public:
  explicit Server(Handler handler) : handler_(std::move(handler)) {}

  // The port that it listens on; 0: the kernel chooses.
  std::uint16_t open(std::uint16_t port) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    // Who started this holds the port too, so that nobody else gets it while nobody listens.
    setsockopt(listener_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 1024) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::perror("faulty-worker: cannot listen");
      std::exit(1);
    }
    accepting_ = std::thread([this] { accept_all(); });
    return ntohs(address.sin_port);
  }
  bool is_open() const { return accepting_.joinable(); }

  enum class Connections { stay, are_reset };
  void close(Connections connections) {
    if (!is_open()) return;
    shutdown(listener_, SHUT_RDWR);  // wakes accept()
    accepting_.join();
    ::close(listener_);
    if (connections == Connections::stay) return;
    const std::lock_guard lock(mutex_);
    for (const int socket : sockets_) {
      reset_when_closed(socket);
      shutdown(socket, SHUT_RDWR);
    }
  }

 private:
  static void reset_when_closed(int socket) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

  void accept_all() {
    for (;;) {
      const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      const int on = 1;
      setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      {
        const std::lock_guard lock(mutex_);
        sockets_.insert(socket);
      }
      std::thread([this, socket] { serve(socket); }).detach();
    }
  }

  void serve(int socket) {
    std::string input;
    while (serve_one(socket, input)) {
    }
    const std::lock_guard lock(mutex_);
    sockets_.erase(socket);
    ::close(socket);
  }

  bool serve_one(int socket, std::string& input) {
    auto request = take_request(input);
    for (char buffer[16 * 1024]; !request; request = take_request(input)) {
      const auto got = recv(socket, buffer, sizeof buffer, 0);
      if (got <= 0) return false;
      input.append(buffer, static_cast<std::size_t>(got));
    }
    const Reply reply = handler_(*request);
    if (reply.resets) reset_when_closed(socket);
    for (std::string_view left = reply.bytes; !left.empty();) {
      const auto sent = send(socket, left.data(), left.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      left.remove_prefix(static_cast<std::size_t>(sent));
    }
    return !reply.resets;
  }

  Handler handler_;
  int listener_ = -1;
  std::thread accepting_;
  std::mutex mutex_;  // of the sockets
  std::set<int> sockets_;
};

std::string answer_of(std::string_view status, std::string_view body) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body);
}

std::string digits(std::size_t size) {
  std::string text(size, '0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('0' + i % 10);
  return text;
}

std::string chunked(std::string_view body) {
  std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (; !body.empty(); body.remove_prefix(std::min<std::size_t>(body.size(), 10'000))) {
    const auto chunk = body.substr(0, 10'000);
    text += fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
  }
  return text + "0\r\n\r\n";
}

class FaultyWorker {
 public:
  FaultyWorker(tandem::RegistrationOptions options, std::uint16_t port, int record)
      : options_(std::move(options)), record_(record) {
    port_ = service_.open(port);
    options_.address = fmt::format("127.0.0.1:{}", port_);
    register_it();
  }

  const std::string& address() const { return options_.address; }

  // Of the faults' port. One at a time: the test waits for the answer.
  Reply obey(const Request& request) {
    std::istringstream words(request.body);
    std::string word;
    words >> word;
    if (word == "good") {
      kind_ = Kind::good;
      if (!service_.is_open()) service_.open(port_);
      if (!registration_) register_it();
    } else if (word == "slow") {
      unsigned min_ms = 0;
      unsigned max_ms = 0;
      words >> min_ms >> max_ms;
      slow_min_ms_ = min_ms;
      slow_max_ms_ = max_ms;
      kind_ = Kind::slow;
    } else if (word == "fails") {
      kind_ = Kind::fails;
    } else if (word == "resets") {
      kind_ = Kind::resets;
    } else if (word == "refuses") {
      service_.close(Server::Connections::are_reset);
    } else if (word == "leaves") {
      registration_.reset();
      service_.close(Server::Connections::stay);
    } else {
      return {answer_of("400 Bad Request", "no such fault\n")};
    }
    return {answer_of("200 OK", "")};
  }

 private:
  enum class Kind { good, slow, fails, resets };

  void register_it() {
    registration_.emplace(options_);
    if (const auto error = registration_->start()) {
      fmt::print(stderr, "{}\n", *error);
      std::exit(1);
    }
  }

  Reply serve(const Request& request) {
    thread_local std::mt19937 random(std::random_device{}());
    const Kind kind = kind_;
    if (request.method == "POST") {
      const auto line = request.body + "\n";
      if (write(record_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
        return {answer_of("500 Internal Server Error", "not recorded\n")};
      }
    }
    if (kind == Kind::slow) {
      std::uniform_int_distribution<unsigned> length(slow_min_ms_, slow_max_ms_);
      std::this_thread::sleep_for(std::chrono::milliseconds(length(random)));
    }
    if (kind == Kind::fails) return {answer_of("500 Internal Server Error", "it fails\n")};
    Reply reply{content_of(request)};
    if (kind == Kind::resets) {
      reply.bytes.resize(
          std::uniform_int_distribution<std::size_t>(1, reply.bytes.size() - 1)(random));
      reply.resets = true;
    }
    return reply;
  }

  static std::string content_of(const Request& request) {
    constexpr std::string_view bytes = "/bytes/";
    constexpr std::string_view chunks = "/chunked/";
    const std::string_view target = request.target;
    if (request.method == "PUT") return answer_of("200 OK", request.body);
    if (request.method == "POST") return answer_of("200 OK", "done\n");
    if (target.starts_with(bytes)) {
      return answer_of("200 OK", digits(number_in(target.substr(bytes.size()))));
    }
    if (target.starts_with(chunks)) {
      return chunked(digits(number_in(target.substr(chunks.size()))));
    }
    return answer_of("404 Not Found", "no such path\n");
  }

  tandem::RegistrationOptions options_;
  const int record_;
  std::uint16_t port_ = 0;
  std::atomic<Kind> kind_{Kind::good};
  std::atomic<unsigned> slow_min_ms_{0};
  std::atomic<unsigned> slow_max_ms_{0};
  Server service_{[this](const Request& request) { return serve(request); }};
  std::optional<tandem::Registration> registration_;
};

}  // namespace

int main(int argc, char** argv) {
  tandem::RegistrationOptions options;
  std::size_t port = 0;
  int record = -1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    const std::string_view value = argv[i + 1];
    if (flag == "--name") options.name = value;
    if (flag == "--listen") port = number_in(value.substr(value.rfind(':') + 1));
    if (flag == "--master") options.masters.emplace_back(value);
    if (flag == "--record")
      record = open(argv[i + 1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
  options.log = [](tandem::Severity, const std::string& line) { fmt::print(stderr, "{}\n", line); };
  FaultyWorker worker(options, static_cast<std::uint16_t>(port), record);
  Server faults([&worker](const Request& request) { return worker.obey(request); });
  fmt::print("faulty-worker ready name={} listen={} faults=127.0.0.1:{}\n", options.name,
             worker.address(), faults.open(0));
  std::fflush(stdout);
  for (;;) pause();  // until it is killed
}
