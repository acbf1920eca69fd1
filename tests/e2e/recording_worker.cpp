// A worker that notes what it executes, for the tests that must know whether anything was lost or
// done twice. It is the library with one route; flags as tandem-worker has them, and --record FILE:
// for each request a line "ID TERM MS", ID being the body of a POST ("-" for other methods), TERM
// its term, MS the clock. The line is there before the answer.
#include <fcntl.h>
#include <fmt/format.h>
#include <httplib.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <string_view>
#include <tandem/worker.hpp>

namespace {

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

int main(int argc, char** argv) {
  tandem::WorkerOptions options;
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
    if (flag == "--listen") options.listen = value;
    if (flag == "--master") options.masters.emplace_back(value);
    if (flag == "--state-dir") options.state_dir = value;
    if (flag == "--token-file") options.token_file = value;
    if (flag == "--cluster-ca") options.cluster.ca = value;
    if (flag == "--cluster-cert") options.cluster.certificate = value;
    if (flag == "--cluster-key") options.cluster.key = value;
    if (flag == "--cluster-revoked") options.cluster.revoked = value;
    if (flag == "--record") record = open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
  options.log = [](tandem::Severity, const std::string& line) { fmt::print(stderr, "{}\n", line); };
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  tandem::Worker worker(options);
  const auto execute = [record](const httplib::Request& request, httplib::Response& response) {
    const auto proven = request.get_header_value("Tandem-Term");
    const auto term = proven.substr(0, proven.find('.'));
    const auto line = fmt::format("{} {} {}\n", request.method == "POST" ? request.body : "-",
                                  term.empty() ? "0" : term, now_ms());
    if (write(record, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
      response.status = 500;
    response.set_content("done\n", "text/plain");
  };
  worker.server().Get("/.*", execute);
  worker.server().Post("/.*", execute);
  if (const auto error = worker.start()) return fmt::print(stderr, "{}\n", *error), 1;
  fmt::print("tandem-worker ready name={} listen={}\n", worker.name(), worker.address());
  std::fflush(stdout);
  int number = 0;
  sigwait(&stop, &number);
  worker.stop();
}
