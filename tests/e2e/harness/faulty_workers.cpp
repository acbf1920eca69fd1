#include "tests/e2e/harness/faulty_workers.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sstream>
#include <stdexcept>

#include "tests/e2e/harness/http.hpp"

namespace tandem::e2e {

namespace {

// A socket that is bound to a port and does not listen: connections there are refused, and only who
// shares it on purpose gets it too.
int hold_port(std::string& address) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  sockaddr_in bound{};
  bound.sin_family = AF_INET;
  bound.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof bound;
  if (bind(socket, reinterpret_cast<sockaddr*>(&bound), size) != 0 ||
      getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    throw std::runtime_error("no free port");
  }
  address = fmt::format("127.0.0.1:{}", ntohs(bound.sin_port));
  return socket;
}

}  // namespace

FaultyWorkers::FaultyWorkers(const TempDir& dir, std::vector<std::string> controls, unsigned count,
                             std::string service)
    : dir_(dir), controls_(std::move(controls)), service_(std::move(service)) {
  for (unsigned i = 1; i <= count; ++i) {
    names_.push_back(fmt::format("w{}", i));
    auto& worker = workers_[names_.back()];
    worker.port_holder = hold_port(worker.listen);
    start(names_.back());
  }
}

FaultyWorkers::~FaultyWorkers() {
  for (const auto& [name, worker] : workers_) close(worker.port_holder);
}

void FaultyWorkers::start(const std::string& name) {
  auto& worker = workers_.at(name);
  worker.process.reset();
  std::vector<std::string> command{program("faulty-worker"),
                                   "--name",
                                   name,
                                   "--service",
                                   service_,
                                   "--listen",
                                   worker.listen,
                                   "--record",
                                   record_of(name)};
  for (const auto& control : controls_) command.insert(command.end(), {"--master", control});
  worker.process = std::make_unique<Process>(dir_, fmt::format("{}-{}", name, ++starts_), command);
  worker.faults = field_of(worker.process->await_line("faulty-worker ready"), "faults");
}

void FaultyWorkers::tell(const std::string& name, const std::string& fault) {
  const Answer answer = post(workers_.at(name).faults, "/", fault);
  if (answer.status != 200) {
    throw std::runtime_error(
        fmt::format("{} was told {}: {} {}", name, fault, answer.status, answer.error));
  }
}

void FaultyWorkers::freeze(const std::string& name) {
  auto& worker = workers_.at(name);
  worker.process->freeze();
  worker.frozen = true;
}

void FaultyWorkers::kill(const std::string& name) { workers_.at(name).process->kill9(); }

void FaultyWorkers::heal(const std::string& name) {
  auto& worker = workers_.at(name);
  if (worker.frozen) worker.process->thaw();
  worker.frozen = false;
  if (!worker.process->running()) return start(name);
  tell(name, "good");
}

std::map<std::string, unsigned> FaultyWorkers::posts_executed() const {
  std::map<std::string, unsigned> executed;
  for (const auto& name : names_) {
    std::istringstream lines(read_file(record_of(name)));
    for (std::string id; std::getline(lines, id);) ++executed[id];
  }
  return executed;
}

}  // namespace tandem::e2e
