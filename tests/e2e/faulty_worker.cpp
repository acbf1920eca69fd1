// A worker that fails as it is told, for the tests of how a cluster lives with bad workers. It
// registers with the library's Registration and serves by bare sockets, so that it can do what no
// decent server does: reset a connection in the middle of an answer, or cease to listen. It speaks
// HTTP/1, and HTTP/2 to those who begin so.
//
//   faulty-worker --name NAME [--service NAME] --listen HOST:PORT --master HOST:PORT ...
//                 --record FILE
//
// The service: GET /bytes/N answers N bytes, "0123456789" again and again; GET /chunked/N the same
// in chunks; PUT / its own body; POST / "done", after a line with the body, the request's id, was
// written to the record. So the line is there whatever becomes of the answer. GET /poison is
// answered by a reset, whoever asks and however well the worker is.
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
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <tandem/worker.hpp>
#include <thread>

#include "tests/e2e/raw_server.hpp"

using namespace tandem::e2e;

namespace {

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
  RawReply obey(const RawRequest& request) {
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
      service_.close(RawServer::Connections::are_reset);
    } else if (word == "leaves") {
      registration_.reset();
      service_.close(RawServer::Connections::stay);
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

  RawReply serve(const RawRequest& request) {
    thread_local std::mt19937 random(std::random_device{}());
    const Kind kind = kind_;
    if (request.target == "/poison") return {.bytes = "", .resets = true};
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
    RawReply reply{content_of(request)};
    if (kind == Kind::resets) {
      reply.bytes.resize(
          std::uniform_int_distribution<std::size_t>(1, reply.bytes.size() - 1)(random));
      reply.resets = true;
    }
    return reply;
  }

  static std::string content_of(const RawRequest& request) {
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
  RawServer service_{[this](const RawRequest& request) { return serve(request); }};
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
    if (flag == "--service") options.service = value;
    if (flag == "--listen") port = number_in(value.substr(value.rfind(':') + 1));
    if (flag == "--master") options.masters.emplace_back(value);
    if (flag == "--record")
      record = open(argv[i + 1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
  options.log = [](tandem::Severity, const std::string& line) { fmt::print(stderr, "{}\n", line); };
  FaultyWorker worker(options, static_cast<std::uint16_t>(port), record);
  RawServer faults([&worker](const RawRequest& request) { return worker.obey(request); });
  fmt::print("faulty-worker ready name={} listen={} faults=127.0.0.1:{}\n", options.name,
             worker.address(), faults.open(0));
  std::fflush(stdout);
  for (;;) pause();  // until it is killed
}
