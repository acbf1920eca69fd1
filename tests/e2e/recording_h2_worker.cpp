// The worker of recording_worker.cpp, as one that speaks HTTP/2 alone: a server of its own, which
// the library's Registration registers. The same flags, and the same lines in its record; it
// ignores terms, as a server does that knows nothing of masters.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <string_view>
#include <tandem/worker.hpp>

#include "common/base/clock.hpp"
#include "tests/e2e/raw_server.hpp"

using namespace tandem::e2e;

int main(int argc, char** argv) {
  tandem::RegistrationOptions options;
  options.protocol = tandem::Protocol::http2;
  int record = -1;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--insecure-network") {
      options.insecure_network = true;
      --i;
      continue;
    }
    const char* value = argv[i + 1];
    if (flag == "--name") options.name = value;
    if (flag == "--listen") options.address = value;
    if (flag == "--master") options.masters.emplace_back(value);
    if (flag == "--state-dir") options.state_dir = value;
    if (flag == "--token-file") options.token_file = value;
    if (flag == "--record") record = open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
  options.log = [](tandem::Severity, const std::string& line) { fmt::print(stderr, "{}\n", line); };
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  RawServer server([record](const RawRequest& request) -> RawReply {
    const auto at_ms = tandem::now().since_boot() / std::chrono::milliseconds(1);
    const auto line =
        fmt::format("{} 0 {}\n", request.method == "POST" ? request.body : "-", at_ms);
    if (write(record, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      return {"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"};
    }
    return {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ndone\n"};
  });
  const auto colon = options.address.rfind(':');
  server.open(static_cast<std::uint16_t>(number_in(options.address.substr(colon + 1))),
              options.address.substr(0, colon));
  tandem::Registration registration(options);
  if (const auto error = registration.start()) return fmt::print(stderr, "{}\n", *error), 1;
  fmt::print("tandem-worker ready name={} listen={}\n", options.name, options.address);
  std::fflush(stdout);
  int number = 0;
  sigwait(&stop, &number);
  registration.stop();
  _exit(0);  // without waiting for the server's threads
}
